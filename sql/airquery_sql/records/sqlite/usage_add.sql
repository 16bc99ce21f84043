INSERT INTO usage (
  run, ended_at, outcome, endpoint, model, "rows", requests, sent, from_journal, failed, not_asked,
  prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, price, currency,
  latency_p50_s, latency_p95_s, dag_id, task_id
)
VALUES (
  :run, :ended_at, :outcome, :endpoint, :model, :rows, :requests, :sent, :from_journal, :failed, :not_asked,
  :prompt_tokens, :completion_tokens, :cached_tokens, :reasoning_tokens, :price, :currency,
  :latency_p50_s, :latency_p95_s, :dag_id, :task_id
)
ON CONFLICT DO NOTHING
