SELECT ai_query(
"databricks-gte-large-en",
"Can you explain AI in ten words?"
)
