-- Who asked, NULL outside of Airflow.
ALTER TABLE usage ADD COLUMN dag_id TEXT;
ALTER TABLE usage ADD COLUMN task_id TEXT;
CREATE UNIQUE INDEX usage_once ON usage (run, endpoint);
-- One row a run, one a stretch of a task's attempt: as JSON, beside what they are found by.
CREATE TABLE run_record (
  id TEXT PRIMARY KEY,
  began_at REAL NOT NULL,
  ended_at REAL NOT NULL,
  dag_id TEXT,
  run_id TEXT,
  task_id TEXT,
  map_index INTEGER,
  record TEXT NOT NULL
);
CREATE INDEX run_record_of_dag_run ON run_record (dag_id, run_id);
CREATE INDEX run_record_by_time ON run_record (ended_at);
CREATE TABLE task_record (
  id TEXT PRIMARY KEY,
  began_at REAL NOT NULL,
  ended_at REAL NOT NULL,
  dag_id TEXT,
  run_id TEXT,
  task_id TEXT,
  map_index INTEGER,
  record TEXT NOT NULL
);
CREATE INDEX task_record_of_dag_run ON task_record (dag_id, run_id);
