-- The messages that the model did not answer, and why. They have no entities, which lowers recall.
{% set day = (dag_run.partition_key or params.partition or ds) | replace("'", "''") %}
SELECT
  message_id,
  message,
  error
FROM entities.recognised
WHERE partition_key = '{{ day }}'
  AND error IS NOT NULL
