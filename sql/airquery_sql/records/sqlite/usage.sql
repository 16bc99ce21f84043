SELECT * FROM usage
ORDER BY ended_at, run, endpoint
