-- The document of the same day that is nearest to each: the best pair of their chunks counts. The
-- vectors have length 1, which was checked, so their inner product is the cosine of their angle.
-- Every pair of chunks is looked at, which is right for a day and wrong for a library.
{% set day = (dag_run.partition_key or params.partition or ds) | replace("'", "''") %}
WITH chunks AS (
  SELECT
    document_id,
    chunk,
    embedding
  FROM documents.embeddings
  WHERE
    partition_key = '{{ day }}'
    AND embedding IS NOT NULL
),

pairs AS (
  SELECT
    one.document_id,
    other.document_id AS nearest_id,
    max(list_inner_product(one.embedding, other.embedding)) AS similarity,
    arg_max(one.chunk, list_inner_product(one.embedding, other.embedding)) AS chunk,
    arg_max(other.chunk, list_inner_product(one.embedding, other.embedding)) AS nearest_chunk
  FROM chunks AS one
  INNER JOIN chunks AS other
    ON other.document_id <> one.document_id
  GROUP BY
    one.document_id,
    other.document_id
)

SELECT
  *,
  format('Document {} is nearest to {}: {:.3f}', document_id, nearest_id, similarity) AS summary
FROM pairs
QUALIFY row_number() OVER (PARTITION BY document_id ORDER BY similarity DESC, nearest_id) = 1
