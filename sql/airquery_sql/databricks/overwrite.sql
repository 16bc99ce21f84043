-- INSERT OVERWRITE, as one transaction. The new rows are complete before an old one goes, and may be
-- made from them. MERGE would do it in one statement, but inserts before it deletes when it pleases,
-- and then meets the keys of the old rows.
CREATE OR REPLACE TEMP TABLE _airquery_overwrite AS
{query};

DELETE FROM {target};

INSERT INTO {target} {columns}
FROM temp._airquery_overwrite;
