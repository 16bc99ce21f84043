SELECT record
FROM airquery.run_record
ORDER BY ended_at DESC, id
LIMIT %(most)s
