-- One refresh of a streaming table. It runs in one transaction: the mark moves with the rows, or not
-- at all. The rows come last, so that their number is what the statement returns.
CREATE TABLE IF NOT EXISTS {state} (
  target VARCHAR PRIMARY KEY,
  source VARCHAR NOT NULL,
  previous_row BIGINT NOT NULL,
  last_row BIGINT NOT NULL,
  row_count BIGINT NOT NULL,
  digest VARCHAR NOT NULL
);

-- A name of no table of rows: a view has no row numbers, and a column rowid would hide them.
SELECT CASE WHEN count(*) = 0 THEN error('STREAM(' || {source_shown} || '): ' || {source_shown} || ' is no table of this database whose rows have numbers. STREAM reads a DuckDB table, not a view and not one with a column rowid: store the rows in a table first.') END
FROM duckdb_tables()
WHERE
  {source_parts}
  AND table_oid NOT IN (SELECT table_oid FROM duckdb_columns() WHERE {source_parts} AND lower(column_name) = 'rowid');

-- A target that was dropped starts over.
DELETE FROM {state}
WHERE
  target = {target_key}
  AND NOT EXISTS (FROM duckdb_tables() WHERE {target_parts});

SELECT CASE WHEN count(*) > 0 THEN error({target_shown} || ' exists and is no streaming table: nothing says which rows it has. Drop it, or choose another name.') END
FROM duckdb_tables()
WHERE
  {target_parts}
  AND NOT EXISTS (FROM {state} WHERE target = {target_key});

INSERT INTO {state}
SELECT {target_key}, {source_key}, -1, -1, 0, '0'
WHERE NOT EXISTS (FROM {state} WHERE target = {target_key});

SELECT CASE WHEN count(*) > 0 THEN error({target_shown} || ' streams from ' || any_value(source) || ', not from ' || {source_shown} || '. Drop it to begin again: what was answered is not paid for twice.') END
FROM {state}
WHERE
  target = {target_key}
  AND source <> {source_key};

-- What was read must still be there as it was.
SELECT CASE WHEN count(*) > 0 THEN error('STREAM(' || {source_shown} || '): rows that ' || {target_shown} || ' has read were changed or removed, but a stream only grows. Drop ' || {target_shown} || ' to begin again: what was answered is not paid for twice.') END
FROM {state}
WHERE
  target = {target_key}
  AND (row_count, digest) IS DISTINCT FROM (
    SELECT (count(*), CAST(coalesce(bit_xor(md5_number_lower(CAST(_airquery_row AS VARCHAR))), 0) AS VARCHAR))
    FROM {source} AS _airquery_row
    WHERE rowid <= (SELECT last_row FROM {state} WHERE target = {target_key})
  );

UPDATE {state} AS mark
SET
  previous_row = mark.last_row,
  last_row = found.last_row,
  row_count = found.row_count,
  digest = found.digest
FROM (
  SELECT
    coalesce(max(rowid), -1) AS last_row,
    count(*) AS row_count,
    CAST(coalesce(bit_xor(md5_number_lower(CAST(_airquery_row AS VARCHAR))), 0) AS VARCHAR) AS digest
  FROM {source} AS _airquery_row
) AS found
WHERE target = {target_key};

CREATE TABLE IF NOT EXISTS {target} AS
{empty};

INSERT INTO {target} BY NAME
{fresh};
