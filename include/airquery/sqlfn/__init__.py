"""SQL in, SQL out: the functions DuckDB calls, and what can be read from a statement's text."""
