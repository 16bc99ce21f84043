CREATE TABLE airquery.batch_job (
  id TEXT PRIMARY KEY,
  address TEXT NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  keys BYTEA NOT NULL,
  batch TEXT
)
