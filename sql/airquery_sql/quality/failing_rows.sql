-- The rows that one expectation did not expect: their key, the value, and what is wrong with it.
SELECT
  {key},
  {expectation} AS expectation,
  {column_name} AS column_name,
  {severity} AS severity,
  {raw} AS raw,
  {reason} AS reason
FROM ({source}) AS failing ({names})
LIMIT {most_rows}
