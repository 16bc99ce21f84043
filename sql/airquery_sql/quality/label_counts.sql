-- How many rows each label has: in the partition that is checked, whose name is NULL here, and in
-- the last ones before it.
WITH recent AS (
  SELECT DISTINCT partition_key
  FROM {earlier}
  ORDER BY partition_key DESC
  LIMIT {partitions}
),
labels AS (
  SELECT NULL AS partition_key, CAST({column} AS VARCHAR) AS label FROM {batch}
  UNION ALL
  SELECT partition_key, CAST({column} AS VARCHAR)
  FROM {earlier}
  WHERE partition_key IN (FROM recent)
)
SELECT partition_key, label, count(*)
FROM labels
WHERE label IS NOT NULL
GROUP BY partition_key, label
ORDER BY partition_key, label
