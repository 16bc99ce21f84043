SELECT
  i,
  ai_query('llm', 'row ' || (i % 40)) AS answer
FROM range(48) AS given(i)
ORDER BY i
