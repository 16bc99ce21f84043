-- Looked for among the last answers of all: an endpoint that was never asked has none to be found.
SELECT key, endpoint, model, created_at, latency_s, body
FROM (SELECT * FROM answer ORDER BY rowid DESC LIMIT 10000)
WHERE endpoint = ?
LIMIT ?
