-- What is asked about: white space made single, and at most 600 characters, which is about 150
-- tokens. A blank review is not asked about; the evaluation counts it.
{% set day = (dag_run.partition_key or params.partition or ds) | replace("'", "''") %}
WITH cleaned AS (
  SELECT
    review_id,
    rating,
    trim(regexp_replace(review_text, '\s+', ' ', 'g')) AS review_text
  FROM reviews.received
  WHERE partition_key = '{{ day }}'
)

SELECT
  review_id,
  rating,
  left(review_text, 600) AS review_text,
  length(review_text) > 600 AS was_cut
FROM cleaned
WHERE review_text <> ''
