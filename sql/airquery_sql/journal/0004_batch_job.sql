CREATE TABLE batch_job (
  id TEXT PRIMARY KEY,
  address TEXT NOT NULL,
  created_at REAL NOT NULL,
  keys BLOB NOT NULL,
  batch TEXT
);
