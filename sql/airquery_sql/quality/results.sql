-- One row for each expectation of one attempt to validate one partition of one table.
CREATE TABLE results (
  dag_id VARCHAR,
  run_id VARCHAR,
  task_id VARCHAR,
  map_index INTEGER,
  try_number INTEGER,
  checked_at TIMESTAMPTZ,
  table_name VARCHAR,
  checked_partition VARCHAR,
  suite VARCHAR,
  position INTEGER,
  expectation VARCHAR,
  column_name VARCHAR,
  severity VARCHAR,
  success BOOLEAN,
  unexpected_count BIGINT,
  element_count BIGINT,
  unexpected_percent DOUBLE,
  observed VARCHAR,
  message VARCHAR
)
