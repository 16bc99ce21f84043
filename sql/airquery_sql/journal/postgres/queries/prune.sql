WITH gone AS (
  DELETE FROM airquery.answer
  WHERE created_at < %s
  RETURNING length(body) AS size
)
SELECT count(*), coalesce(sum(size), 0)
FROM gone
