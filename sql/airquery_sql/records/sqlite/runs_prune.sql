DELETE FROM run_record
WHERE ended_at < :before
