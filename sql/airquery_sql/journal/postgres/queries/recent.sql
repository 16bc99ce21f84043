SELECT key, endpoint, model, created_at, latency_s, body
FROM airquery.answer
WHERE endpoint = %s
ORDER BY created_at DESC
LIMIT %s
