SELECT record
FROM airquery.task_record
WHERE dag_id = %(dag_id)s
  AND run_id = %(run_id)s
  AND (%(task_id)s IS NULL OR task_id = %(task_id)s)
  AND (%(map_index)s IS NULL OR map_index = %(map_index)s)
ORDER BY began_at, ended_at, id
