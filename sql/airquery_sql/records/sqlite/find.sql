SELECT record
FROM run_record
WHERE substr(id, 1, length(:id_prefix)) = :id_prefix
ORDER BY ended_at DESC, id
LIMIT :most
