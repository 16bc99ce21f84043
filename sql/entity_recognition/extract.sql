-- A row for every entity of which the model is sure enough. `at_offsets` is what stands at the place
-- that it names: the suite says that it is the entity, so no offset is believed.
{% set day = (dag_run.partition_key or params.partition or ds) | replace("'", "''") %}
WITH exploded AS (
  SELECT
    message_id,
    message,
    unnest(entities) AS entity
  FROM entities.recognised
  WHERE partition_key = '{{ day }}'
)

SELECT
  message_id,
  entity.label AS label,
  entity.text AS text,
  entity.start AS starts_at,
  entity."end" AS ends_at,
  entity.score AS score,
  substring(message, entity.start + 1, entity."end" - entity.start) AS at_offsets
FROM exploded
WHERE entity.score >= {{ params.minimum_score | replace("'", "''") }}
