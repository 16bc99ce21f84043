-- Documents that an earlier batch took and nobody has summarized: the run of that batch has failed.
-- No other run takes them, so it has to be cleared. One line for each such batch.
SELECT
  batches.partition_key AS batch,
  count(*) AS documents,
  format(
    'Batch {} was taken and not summarized: {} documents. Clear its run, and they are asked about.',
    batches.partition_key,
    count(*)
  ) AS summary
FROM feedback.batches AS batches
ANTI JOIN feedback.summaries AS summaries
  ON summaries.partition_key = batches.partition_key
  AND summaries.document_id = batches.document_id
WHERE batches.partition_key <> '{{ (dag_run.partition_key or ts_nodash) | replace("'", "''") }}'
GROUP BY batches.partition_key
ORDER BY batches.partition_key
