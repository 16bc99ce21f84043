-- What runs asked and paid: a row for each run and endpoint.
CREATE TABLE IF NOT EXISTS usage (
  run TEXT NOT NULL,
  ended_at REAL NOT NULL,
  outcome TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  model TEXT,
  "rows" INTEGER NOT NULL,
  requests INTEGER NOT NULL,
  sent INTEGER NOT NULL,
  from_journal INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  not_asked INTEGER NOT NULL,
  prompt_tokens INTEGER NOT NULL,
  completion_tokens INTEGER NOT NULL,
  cached_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL,
  price REAL NOT NULL,
  currency TEXT NOT NULL,
  latency_p50_s REAL,
  latency_p95_s REAL
);
