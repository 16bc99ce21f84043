INSERT INTO airquery_publications (target, partition_key, run_number)
SELECT ?, ?, ?
WHERE NOT EXISTS (
  SELECT 1
  FROM airquery_publications
  WHERE target = ?
    AND partition_key = ?
)
