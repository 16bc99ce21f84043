DELETE FROM airquery.claim
USING airquery.answer
WHERE claim.key = ANY(%(keys)s::BYTEA[])
  AND claim.owner = %(owner)s
  AND answer.key = claim.key
RETURNING claim.key
