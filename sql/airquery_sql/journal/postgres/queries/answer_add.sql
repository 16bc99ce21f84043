INSERT INTO airquery.answer (key, endpoint, model, created_at, latency_s, body)
VALUES %s
ON CONFLICT (key) DO NOTHING
