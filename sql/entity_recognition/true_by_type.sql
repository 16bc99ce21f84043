-- What is true of the messages, in the form of `found_by_type.sql`.
{% set day = (dag_run.partition_key or params.partition or ds) | replace("'", "''") %}
WITH exploded AS (
  SELECT
    message_id,
    unnest(entities) AS entity
  FROM entities.received
  WHERE partition_key = '{{ day }}'
),

named AS (
  SELECT
    message_id,
    entity.start AS starts_at,
    entity."end" AS ends_at,
    entity.label AS label,
    entity.text AS text
  FROM exploded
)

FROM named
PIVOT (
  any_value(text) FOR label IN ({% for label in labels %}'{{ label | replace("'", "''") }}'{% if not loop.last %}, {% endif %}{% endfor %})
  GROUP BY message_id, starts_at, ends_at
)
