-- read_files(..., format => 'text'): a row a line.
SELECT unnest(regexp_split_to_array(regexp_replace(content, '\r?\n\z', ''), '\r?\n')) AS value
FROM read_text($path)
WHERE content <> ''
