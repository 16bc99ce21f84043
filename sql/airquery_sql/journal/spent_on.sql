SELECT scope, currency, sum(requests), sum(tokens), sum(money)
FROM spent
WHERE day = ?
  AND owner <> ?
GROUP BY scope, currency
ORDER BY scope, currency
