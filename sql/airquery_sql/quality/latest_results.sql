-- The newest result of every expectation, for the newest partition of each table that was checked,
-- and the percentages that failed in the last partitions, oldest first.
WITH latest AS (
  FROM {results}
  QUALIFY checked_at = max(checked_at) OVER (PARTITION BY table_name, suite, checked_partition)
),
recent AS (
  FROM latest
  QUALIFY
    dense_rank() OVER (PARTITION BY table_name, suite ORDER BY checked_partition DESC)
    <= {partitions}
),
trends AS (
  SELECT
    table_name,
    suite,
    position,
    expectation,
    list({{share: unexpected_percent, success: success}} ORDER BY checked_partition) AS trend
  FROM recent
  GROUP BY table_name, suite, position, expectation
)
SELECT
  table_name,
  checked_partition,
  suite,
  expectation,
  column_name,
  severity,
  success,
  unexpected_count,
  element_count,
  unexpected_percent,
  observed,
  message,
  trend
FROM recent
JOIN trends USING (table_name, suite, position, expectation)
QUALIFY checked_partition = max(checked_partition) OVER (PARTITION BY table_name, suite)
ORDER BY table_name, suite, position
