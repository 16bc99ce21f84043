INSERT INTO airquery.run_record (id, began_at, ended_at, dag_id, run_id, task_id, map_index, record)
VALUES (%(id)s, %(began_at)s, %(ended_at)s, %(dag_id)s, %(run_id)s, %(task_id)s, %(map_index)s, %(record)s)
ON CONFLICT DO NOTHING
