-- How one field of the rows that were found compares with what is true of them. A row that only one
-- side has counts for that side alone: missed, or invented.
SELECT
  count({expected}) AS expected,
  count({predicted}) AS predicted,
  count(*) FILTER (WHERE {correct}) AS correct
FROM (FROM {truth} WHERE partition_key = {partition}) AS truth
FULL JOIN (FROM {found} WHERE partition_key = {partition}) AS found
  ON {same_row}
