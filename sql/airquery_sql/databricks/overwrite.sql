-- INSERT OVERWRITE as one statement: no row matches, so the old ones go and the new ones come.
MERGE INTO {target}
USING ({query}) AS {alias}
ON false
WHEN NOT MATCHED THEN INSERT {columns}
WHEN NOT MATCHED BY SOURCE THEN DELETE
