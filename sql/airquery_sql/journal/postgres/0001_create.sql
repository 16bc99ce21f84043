CREATE TABLE airquery.journal_version (
  version INTEGER NOT NULL
);

CREATE TABLE airquery.answer (
  key BYTEA PRIMARY KEY,
  endpoint TEXT NOT NULL,
  model TEXT,
  created_at DOUBLE PRECISION NOT NULL,
  latency_s DOUBLE PRECISION NOT NULL,
  body BYTEA NOT NULL
);

-- A body is compressed already.
ALTER TABLE airquery.answer ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE INDEX answer_recent ON airquery.answer (endpoint, created_at);

CREATE TABLE airquery.claim (
  key BYTEA PRIMARY KEY,
  owner TEXT NOT NULL,
  expires_at TIMESTAMP WITH TIME ZONE NOT NULL
);

CREATE INDEX claim_owner ON airquery.claim (owner);

INSERT INTO airquery.journal_version VALUES (0)
