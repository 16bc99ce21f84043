SELECT to_json(one)
FROM airquery.usage AS one
ORDER BY ended_at, run, endpoint
