SELECT
  n AS id,
  ai_query('llm', 'question ' || n || ' of {{ dag_run.partition_key or ds }}') AS answer
FROM range(24) AS numbers(n)
