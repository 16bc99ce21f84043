-- Keys that more than one row has: each of them would be counted several times.
SELECT CAST(any_value({row}) AS VARCHAR)
FROM {table} AS one
WHERE partition_key = {partition}
GROUP BY {key}
HAVING count(*) > 1
LIMIT 1
