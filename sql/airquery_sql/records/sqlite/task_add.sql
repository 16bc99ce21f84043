INSERT INTO task_record (id, began_at, ended_at, dag_id, run_id, task_id, map_index, record)
VALUES (:id, :began_at, :ended_at, :dag_id, :run_id, :task_id, :map_index, :record)
ON CONFLICT (id) DO UPDATE SET ended_at = excluded.ended_at, record = excluded.record
