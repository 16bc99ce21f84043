SELECT id, address, created_at, keys, batch
FROM airquery.batch_job
WHERE %(address)s::TEXT IS NULL OR address = %(address)s
ORDER BY created_at, id
