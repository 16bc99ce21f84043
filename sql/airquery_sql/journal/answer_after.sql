SELECT key, endpoint, model, created_at, latency_s, body
FROM answer
WHERE key > ?
ORDER BY key
LIMIT ?
