-- What was asked since a moment, by day (UTC), task and endpoint.
SELECT
  date(ended_at, 'unixepoch') AS day, dag_id, task_id, endpoint, model, currency,
  count(DISTINCT run) AS runs, sum("rows") AS "rows", sum(requests) AS requests, sum(sent) AS sent,
  sum(from_journal) AS from_journal, sum(failed) AS failed, sum(not_asked) AS not_asked,
  sum(prompt_tokens) AS prompt_tokens, sum(completion_tokens) AS completion_tokens, sum(price) AS price
FROM usage
WHERE ended_at >= :since
GROUP BY 1, 2, 3, 4, 5, 6
ORDER BY 1, 2, 3, 4, 5, 6
