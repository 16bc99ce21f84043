SELECT scope, currency, sum(requests), sum(tokens), sum(money)
FROM airquery.spent
WHERE day = %s
  AND owner <> %s
GROUP BY scope, currency
ORDER BY scope, currency
