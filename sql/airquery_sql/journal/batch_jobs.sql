SELECT id, address, created_at, keys, batch
FROM batch_job
WHERE :address IS NULL OR address = :address
ORDER BY created_at, id
