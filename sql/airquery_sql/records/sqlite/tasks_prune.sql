DELETE FROM task_record
WHERE ended_at < :before
