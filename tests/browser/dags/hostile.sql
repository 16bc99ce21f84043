-- Answers, failures and texts of rows that are markup.
SELECT
  n,
  '<script>window.__pwned = 1; alert(1)</script>' AS "<b>column</b>",
  answer.result AS answer,
  answer.errorMessage AS error
FROM (
  SELECT
    n,
    ai_query(
      'hostile-llm',
      CASE WHEN n = 2 THEN 'refuse this' ELSE 'answer question ' || n END,
      modelParameters => {'max_tokens': 50},
      failOnError => false
    ) AS answer
  FROM range(4) AS numbers(n)
)
