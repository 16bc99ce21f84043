-- No row at all: what the columns of the quarantine are.
SELECT
  {key},
  CAST(NULL AS VARCHAR) AS expectation,
  CAST(NULL AS VARCHAR) AS column_name,
  CAST(NULL AS VARCHAR) AS severity,
  CAST(NULL AS VARCHAR) AS raw,
  CAST(NULL AS VARCHAR) AS reason
FROM {batch}
LIMIT 0
