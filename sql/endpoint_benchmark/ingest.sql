-- What the endpoint is asked about: the sentences of the sample reviews that are neither very short
-- nor very long, numbered.
{% set day = (dag_run.partition_key or params.partition or ds) | replace("'", "''") %}
SELECT
  row_number() OVER (ORDER BY id) - 1 AS position,
  text,
  '{{ day }}' AS measurement
FROM source
WHERE length(text) BETWEEN 60 AND 200
