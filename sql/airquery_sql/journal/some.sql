SELECT key, endpoint, model, created_at, latency_s, body
FROM (SELECT * FROM answer LIMIT 10000)
WHERE endpoint = ?
LIMIT ?
