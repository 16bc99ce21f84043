DELETE FROM airquery.run_record
WHERE ended_at < %(before)s
