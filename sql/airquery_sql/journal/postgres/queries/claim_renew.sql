UPDATE airquery.claim
SET expires_at = clock_timestamp() + %(lease_s)s * INTERVAL '1 second'
WHERE owner = %(owner)s
