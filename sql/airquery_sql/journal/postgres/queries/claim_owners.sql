SELECT DISTINCT owner
FROM airquery.claim
WHERE key = ANY(%(keys)s::BYTEA[])
  AND owner <> %(owner)s
