-- read_files(..., format => 'binaryFile'): a row a file.
SELECT
  filename AS path,
  last_modified AS "modificationTime",
  size AS length,
  content
FROM read_blob($path)
