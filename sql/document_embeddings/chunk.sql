-- Documents cut into chunks that an embedding model can take. A chunk is whole sentences; one ends
-- where the text passes a multiple of the length that is asked for, so it is about that long. No
-- character of a document is left out.
{% set day = (dag_run.partition_key or params.partition or ds) | replace("'", "''") %}
WITH split AS (
  SELECT
    document_id,
    regexp_extract_all(trim(content), '[^.!?]*[.!?]+\s*|[^.!?]+$') AS sentences
  FROM documents.received
  WHERE partition_key = '{{ day }}'
),

sentences AS (
  SELECT
    document_id,
    unnest(sentences) AS sentence,
    generate_subscripts(sentences, 1) AS position
  FROM split
),

placed AS (
  SELECT
    *,
    (sum(length(sentence)) OVER (PARTITION BY document_id ORDER BY position) - 1)
    // {{ params.chunk_characters | replace("'", "''") }} AS place
  FROM sentences
),

numbered AS (
  SELECT
    *,
    dense_rank() OVER (PARTITION BY document_id ORDER BY place) AS chunk_number
  FROM placed
)

SELECT
  document_id,
  chunk_number,
  string_agg(sentence, '' ORDER BY position) AS chunk
FROM numbered
GROUP BY
  document_id,
  chunk_number
