SELECT key, endpoint, model, created_at, latency_s, body
FROM airquery.answer
WHERE key = ANY(%s::BYTEA[])
