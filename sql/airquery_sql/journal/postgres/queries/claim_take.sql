INSERT INTO airquery.claim (key, owner, expires_at)
SELECT DISTINCT wanted.key, %(owner)s, clock_timestamp() + %(lease_s)s * INTERVAL '1 second'
FROM unnest(%(keys)s::BYTEA[]) AS wanted (key)
WHERE NOT EXISTS (
  SELECT 1 FROM airquery.answer
  WHERE answer.key = wanted.key
    AND answer.created_at >= %(since)s
)
-- All take their locks in one order, so none waits for another in a circle.
ORDER BY wanted.key
ON CONFLICT (key) DO UPDATE SET
  owner = excluded.owner,
  expires_at = excluded.expires_at
WHERE claim.owner = excluded.owner
  OR claim.expires_at <= clock_timestamp()
  OR claim.owner = ANY(%(dead)s::TEXT[])
-- Tables are seen here as they were when the statement began.
RETURNING key, EXISTS (
  SELECT 1 FROM airquery.claim AS was
  WHERE was.key = claim.key
    AND was.owner <> claim.owner
)
