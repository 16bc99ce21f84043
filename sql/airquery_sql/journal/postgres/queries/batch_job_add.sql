INSERT INTO airquery.batch_job (id, address, created_at, keys, batch)
VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET batch = excluded.batch
