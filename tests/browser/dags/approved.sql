-- Three questions with a price, which a person approves first.
SELECT n, ai_query('large-llm', 'Question ' || n, modelParameters => {'max_tokens': 50}) AS answer
FROM range(3) AS numbers(n)
