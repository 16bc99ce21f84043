-- read_files(..., format => 'parquet').
SELECT *
FROM read_parquet($path)
