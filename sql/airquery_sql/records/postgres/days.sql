-- What was asked since a moment, by day (UTC), task and endpoint.
SELECT to_json(one)
FROM (
  SELECT
    to_char(to_timestamp(ended_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day, dag_id, task_id, endpoint, model, currency,
    count(DISTINCT run) AS runs, sum("rows")::BIGINT AS "rows", sum(requests)::BIGINT AS requests, sum(sent)::BIGINT AS sent,
    sum(from_journal)::BIGINT AS from_journal, sum(failed)::BIGINT AS failed, sum(not_asked)::BIGINT AS not_asked,
    sum(prompt_tokens)::BIGINT AS prompt_tokens, sum(completion_tokens)::BIGINT AS completion_tokens, sum(price) AS price
  FROM airquery.usage
  WHERE ended_at >= %(since)s
  GROUP BY 1, 2, 3, 4, 5, 6
  ORDER BY 1, 2 NULLS FIRST, 3 NULLS FIRST, 4, 5 NULLS FIRST, 6
) AS one
