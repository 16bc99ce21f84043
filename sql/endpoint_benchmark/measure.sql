-- One request for each number, each about another text. The number stands in the request, so that
-- no two are equal however often the texts come round, and nothing is read from the journal.
{% set day = (dag_run.partition_key or params.partition or ds) | replace("'", "''") %}
WITH texts AS (
  SELECT
    position,
    text,
    count(*) OVER () AS texts
  FROM benchmarks.texts
  WHERE partition_key = '{{ day }}'
)

SELECT
  numbers.number,
  ai_query(
    '{{ params.endpoint | replace("'", "''") }}',
    'Request ' || numbers.number || '. ' || '{{ params.task | replace("'", "''") }}' || chr(10) || texts.text,
    modelParameters => {'max_tokens': {{ params.max_tokens | replace("'", "''") }}, 'temperature': 0.0},
    cache => 'off',
    failOnError => false
  ) AS answer
FROM numbers
INNER JOIN texts
  ON texts.position = numbers.number % texts.texts
