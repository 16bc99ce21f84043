-- The entities that were found, with a column for each type: so each type has a score of its own. An
-- entity is the right one if message, place and type are.
{% set day = (dag_run.partition_key or params.partition or ds) | replace("'", "''") %}
WITH found AS (
  SELECT
    message_id,
    starts_at,
    ends_at,
    label,
    text
  FROM entities.found
  WHERE partition_key = '{{ day }}'
)

FROM found
PIVOT (
  any_value(text) FOR label IN ({% for label in labels %}'{{ label | replace("'", "''") }}'{% if not loop.last %}, {% endif %}{% endfor %})
  GROUP BY message_id, starts_at, ends_at
)
