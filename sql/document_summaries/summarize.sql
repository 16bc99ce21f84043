-- One sentence about every document of the batch. At most 1,000 characters are read, about 250
-- tokens; was_cut says where that was not all. A failed request is a row with the reason.
WITH asked AS (
  SELECT
    *,
    ai_query(
      '{{ params.llm | replace("'", "''") }}',
      request => 'Summarize this review in one short sentence.' || chr(10) || chr(10)
        || 'REVIEW' || chr(10) || left(content, 1000) || chr(10) || 'SUMMARY',
      modelParameters => {'max_tokens': 60, 'temperature': 0.0},
      failOnError => false
    ) AS summary
  FROM feedback.batches
  WHERE partition_key = '{{ (dag_run.partition_key or ts_nodash) | replace("'", "''") }}'
)

SELECT
  document_id,
  received_on,
  content,
  length(content) > 1000 AS was_cut,
  trim(summary.result) AS summary,
  summary.errorMessage AS summary_error
FROM asked
