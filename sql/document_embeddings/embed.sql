-- A vector for every chunk. Equal chunks are asked about once, and several travel in one request
-- where the endpoint takes that. A failed request is a row with the reason, not a failed task.
{% set day = (dag_run.partition_key or params.partition or ds) | replace("'", "''") %}
WITH asked AS (
  SELECT
    *,
    ai_query('{{ params.embedder | replace("'", "''") }}', chunk, failOnError => false) AS vector
  FROM documents.chunks
  WHERE partition_key = '{{ day }}'
)

SELECT
  document_id,
  chunk_number,
  chunk,
  vector.result AS embedding,
  vector.errorMessage AS embedding_error
FROM asked
