SELECT owner, count(*), max(expires_at) <= clock_timestamp()
FROM airquery.claim
GROUP BY owner
ORDER BY owner
