SELECT ai_query(
"<completions-model-endpoint>",
"Can you explain AI in ten words?"
)
