SELECT record
FROM run_record
ORDER BY ended_at DESC, id
LIMIT :most
