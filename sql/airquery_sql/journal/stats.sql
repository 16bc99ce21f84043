SELECT
  endpoint,
  model,
  count(*),
  sum(length(body)),
  min(created_at),
  max(created_at)
FROM answer
GROUP BY endpoint, model
ORDER BY endpoint, model
