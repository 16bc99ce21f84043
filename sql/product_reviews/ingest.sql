-- The reviews that were received on one day.
-- The file holds sentences in no reliable order; a review is its sentences by their number.
-- It holds no dates, so one is given: the reviews, ordered by id, are dealt to the 30 days from
-- 2026-10-01 on, one each, ten times round. So every day has ten of them, of all the products.
{% set day = (dag_run.partition_key or params.partition or ds) | replace("'", "''") %}
WITH sentences AS (
  SELECT
    CAST(split_part(id, '_', 1) AS INTEGER) AS review_id,
    CAST(split_part(id, '_', 2) AS INTEGER) AS position,
    rating,
    text
  FROM source
),

reviews AS (
  SELECT
    review_id,
    DATE '2026-10-01' + CAST((row_number() OVER (ORDER BY review_id) - 1) % 30 AS INTEGER) AS received_on,
    string_agg(text, ' ' ORDER BY position) AS review_text,
    avg(rating) AS rating
  FROM sentences
  GROUP BY review_id
)

SELECT
  review_id,
  received_on,
  review_text,
  rating
FROM reviews
WHERE received_on = DATE '{{ day }}'
