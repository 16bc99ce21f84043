"""From the text of a model to a value of a DuckDB type, or to the reason why not."""
