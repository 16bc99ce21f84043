DELETE FROM airquery.claim
USING airquery.answer
WHERE claim.key = ANY(%(keys)s::BYTEA[])
  AND claim.owner = %(owner)s
  AND answer.key = claim.key
  AND answer.created_at >= %(since)s
RETURNING claim.key
