INSERT INTO run_record (id, began_at, ended_at, dag_id, run_id, task_id, map_index, record)
VALUES (:id, :began_at, :ended_at, :dag_id, :run_id, :task_id, :map_index, :record)
ON CONFLICT DO NOTHING
