-- What runs asked and paid, as a table: SELECT * FROM airquery_usage().
CREATE OR REPLACE TEMP MACRO airquery_usage() AS TABLE
  SELECT one.* REPLACE (to_timestamp(one.ended_at) AS ended_at)
  FROM (
    SELECT unnest(from_json(_ai_usage(), '[{
      "run": "VARCHAR", "ended_at": "DOUBLE", "outcome": "VARCHAR", "endpoint": "VARCHAR", "model": "VARCHAR",
      "rows": "BIGINT", "requests": "BIGINT", "sent": "BIGINT", "from_journal": "BIGINT", "failed": "BIGINT",
      "not_asked": "BIGINT", "prompt_tokens": "BIGINT", "completion_tokens": "BIGINT", "cached_tokens": "BIGINT",
      "reasoning_tokens": "BIGINT", "price": "DOUBLE", "currency": "VARCHAR",
      "latency_p50_s": "DOUBLE", "latency_p95_s": "DOUBLE", "dag_id": "VARCHAR", "task_id": "VARCHAR"
    }]'), recursive := true)
  ) AS one;
