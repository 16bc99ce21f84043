-- What the model finds in every message: it sees the text alone. A failed request is a row with the
-- reason, not a failed task.
{% set day = (dag_run.partition_key or params.partition or ds) | replace("'", "''") %}
WITH asked AS (
  SELECT
    message_id,
    message,
    ai_query(
      '{{ params.recogniser | replace("'", "''") }}',
      message,
      returnType => 'ARRAY<STRUCT<text: STRING, label: STRING, start: INT, end: INT, score: DOUBLE>>',
      failOnError => false
    ) AS found
  FROM entities.received
  WHERE partition_key = '{{ day }}'
)

SELECT
  message_id,
  message,
  found.result AS entities,
  found.errorMessage AS error
FROM asked
