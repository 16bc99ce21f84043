SELECT record
FROM airquery.run_record
WHERE substr(id, 1, length(%(id_prefix)s)) = %(id_prefix)s
ORDER BY ended_at DESC, id
LIMIT %(most)s
