-- read_files(..., format => 'csv', header => true).
SELECT *
FROM read_csv($path, header = true, delim = $separator)
