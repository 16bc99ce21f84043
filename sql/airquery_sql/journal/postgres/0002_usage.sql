-- What runs asked and paid: a row for each run and endpoint.
CREATE TABLE airquery.usage (
  run TEXT NOT NULL,
  ended_at DOUBLE PRECISION NOT NULL,
  outcome TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  model TEXT,
  rows BIGINT NOT NULL,
  requests BIGINT NOT NULL,
  sent BIGINT NOT NULL,
  from_journal BIGINT NOT NULL,
  failed BIGINT NOT NULL,
  not_asked BIGINT NOT NULL,
  prompt_tokens BIGINT NOT NULL,
  completion_tokens BIGINT NOT NULL,
  cached_tokens BIGINT NOT NULL,
  reasoning_tokens BIGINT NOT NULL,
  price DOUBLE PRECISION NOT NULL,
  currency TEXT NOT NULL,
  latency_p50_s DOUBLE PRECISION,
  latency_p95_s DOUBLE PRECISION,
  -- What may be written twice, after a lost connection, is there once.
  PRIMARY KEY (run, endpoint)
)
