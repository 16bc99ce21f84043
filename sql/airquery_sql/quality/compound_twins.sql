-- Rows that have several columns in common with another row; one with a NULL there has none.
SELECT {key}, {columns}
FROM {batch}
WHERE {known}
QUALIFY count(*) OVER (PARTITION BY {columns}) > 1
