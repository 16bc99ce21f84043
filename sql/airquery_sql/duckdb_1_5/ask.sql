-- `_ai_ask` of functions/ask.sql, for DuckDB 1.5. That calls a function of one column for every value of the column's
-- dictionary, also for those of rows that a filter left out, and each would be asked and paid for. Here the
-- mode follows from the row too, though it is always the same: a function of two columns is called for the rows.
CREATE OR REPLACE TEMP MACRO _ai_ask(request, files, call, mode) AS
  from_json_strict(
    _ai_call(
      CAST(getvariable('airquery_statement') AS BIGINT),
      mode || left(CAST(hash(request) AS VARCHAR), 0),
      CAST(to_json(request) AS VARCHAR),
      _ai_files(files),
      CAST(call AS VARCHAR)
    ),
    _ai_schema(CAST(getvariable('airquery_statement') AS BIGINT), CAST(call AS VARCHAR))
  );
