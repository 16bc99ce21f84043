-- read_files(..., format => 'json'): a row an object, one a line or in an array.
SELECT *
FROM read_json($path)
