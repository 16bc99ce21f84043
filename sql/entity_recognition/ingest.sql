-- The messages of one day, with what is true of them.
{% set day = (dag_run.partition_key or params.partition or ds) | replace("'", "''") %}
SELECT
  id AS message_id,
  written_on,
  origin,
  text AS message,
  entities
FROM source
WHERE written_on = DATE '{{ day }}'
