-- What was measured, a line for each number of requests in flight, and what to write into the file
-- of endpoints. A measurement with failures only recommends nothing, and that fails the task.
{% set day = (dag_run.partition_key or params.partition or ds) | replace("'", "''") %}
WITH measured AS (
  SELECT
    *,
    CASE
      WHEN NOT bool_or(recommended) OVER () THEN error(
        'Requests to {{ params.endpoint | replace("'", "''") }} failed with every number in flight. See the log of the task measure.'
      )
      ELSE max(concurrency) FILTER (WHERE recommended) OVER ()
    END AS best
  FROM benchmarks.measured
  WHERE partition_key = '{{ day }}'
)

SELECT
  concurrency,
  answers_per_second,
  recommended,
  format(
    '{} {:>4} in flight: {:8.2f} answers/s, 95 % within {:.2f} s, {} failed, {} retries{}',
    CASE WHEN recommended THEN '*' ELSE ' ' END,
    concurrency,
    answers_per_second,
    coalesce(p95_s, 0),
    failed,
    retries,
    CASE WHEN recommended THEN '. Recommended: limits.concurrency ' || best ELSE '' END
  ) AS summary
FROM measured
ORDER BY concurrency
