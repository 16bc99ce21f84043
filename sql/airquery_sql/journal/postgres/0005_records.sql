-- Who asked, NULL outside of Airflow.
ALTER TABLE airquery.usage ADD COLUMN dag_id TEXT;
ALTER TABLE airquery.usage ADD COLUMN task_id TEXT;
-- One row a run, one a stretch of a task's attempt: as JSON, beside what they are found by.
CREATE TABLE airquery.run_record (
  id TEXT PRIMARY KEY,
  began_at DOUBLE PRECISION NOT NULL,
  ended_at DOUBLE PRECISION NOT NULL,
  dag_id TEXT,
  run_id TEXT,
  task_id TEXT,
  map_index INTEGER,
  record TEXT NOT NULL
);
CREATE INDEX run_record_of_dag_run ON airquery.run_record (dag_id, run_id);
CREATE INDEX run_record_by_time ON airquery.run_record (ended_at);
CREATE TABLE airquery.task_record (
  id TEXT PRIMARY KEY,
  began_at DOUBLE PRECISION NOT NULL,
  ended_at DOUBLE PRECISION NOT NULL,
  dag_id TEXT,
  run_id TEXT,
  task_id TEXT,
  map_index INTEGER,
  record TEXT NOT NULL
);
CREATE INDEX task_record_of_dag_run ON airquery.task_record (dag_id, run_id)
