DELETE FROM airquery.task_record
WHERE ended_at < %(before)s
