INSERT INTO batch_job (id, address, created_at, keys, batch)
VALUES (?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET batch = excluded.batch
