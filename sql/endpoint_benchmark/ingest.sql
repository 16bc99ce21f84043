-- What the endpoint is asked about: the sentences of the sample reviews that are neither very short
-- nor very long, numbered. The partition is the measurement, '{{ partition_key or params.partition or ds }}'.
SELECT
  row_number() OVER (ORDER BY id) - 1 AS position,
  text
FROM source
WHERE length(text) BETWEEN 60 AND 200
