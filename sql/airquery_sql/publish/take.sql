UPDATE airquery_publications
SET run_number = ?
WHERE target = ?
  AND partition_key = ?
  AND run_number < ?
