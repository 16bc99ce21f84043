INSERT INTO airquery.usage (
  run, ended_at, outcome, endpoint, model, "rows", requests, sent, from_journal, failed, not_asked,
  prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, price, currency,
  latency_p50_s, latency_p95_s, dag_id, task_id
)
VALUES (
  %(run)s, %(ended_at)s, %(outcome)s, %(endpoint)s, %(model)s, %(rows)s, %(requests)s, %(sent)s, %(from_journal)s, %(failed)s, %(not_asked)s,
  %(prompt_tokens)s, %(completion_tokens)s, %(cached_tokens)s, %(reasoning_tokens)s, %(price)s, %(currency)s,
  %(latency_p50_s)s, %(latency_p95_s)s, %(dag_id)s, %(task_id)s
)
ON CONFLICT DO NOTHING
