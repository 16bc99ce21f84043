CREATE TABLE answer (
  key BLOB PRIMARY KEY,
  endpoint TEXT NOT NULL,
  model TEXT,
  created_at REAL NOT NULL,
  latency_s REAL NOT NULL,
  body BLOB NOT NULL
) WITHOUT ROWID;
