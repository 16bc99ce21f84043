SELECT record
FROM run_record
WHERE dag_id = :dag_id
  AND run_id = :run_id
  AND (:task_id IS NULL OR task_id = :task_id)
  AND (:map_index IS NULL OR map_index = :map_index)
ORDER BY began_at, ended_at, id
