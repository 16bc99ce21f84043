-- The documents of one day. The sample file is that of the product reviews: sentences without a date.
-- A review is its sentences by their number; the reviews, ordered by id, are dealt to the 30 days
-- from 2026-10-01 on, so that every day has ten of them.
{% set day = (dag_run.partition_key or params.partition or ds) | replace("'", "''") %}
WITH sentences AS (
  SELECT
    CAST(split_part(id, '_', 1) AS INTEGER) AS document_id,
    CAST(split_part(id, '_', 2) AS INTEGER) AS position,
    text
  FROM source
),

documents AS (
  SELECT
    document_id,
    DATE '2026-10-01' + CAST((row_number() OVER (ORDER BY document_id) - 1) % 30 AS INTEGER) AS received_on,
    string_agg(text, ' ' ORDER BY position) AS content
  FROM sentences
  GROUP BY document_id
)

SELECT
  document_id,
  received_on,
  content
FROM documents
WHERE received_on = DATE '{{ day }}'
