INSERT INTO airquery.usage VALUES (
  %(run)s, %(ended_at)s, %(outcome)s, %(endpoint)s, %(model)s, %(rows)s, %(requests)s, %(sent)s, %(from_journal)s, %(failed)s, %(not_asked)s,
  %(prompt_tokens)s, %(completion_tokens)s, %(cached_tokens)s, %(reasoning_tokens)s, %(price)s, %(currency)s,
  %(latency_p50_s)s, %(latency_p95_s)s
)
ON CONFLICT DO NOTHING
