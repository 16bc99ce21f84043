-- The rows of a stream's source that the current refresh is about.
SELECT *
FROM {source}
WHERE
  rowid > (SELECT previous_row FROM {state} WHERE target = {target_key})
  AND rowid <= (SELECT last_row FROM {state} WHERE target = {target_key})
