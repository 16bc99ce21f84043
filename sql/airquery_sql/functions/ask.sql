-- What every ai_ function is made of. `_ai_call` answers a chunk of rows as JSON text, `_ai_schema` names the
-- result type while the statement is bound; from_json_strict turns the text into a value of that type.
-- mode 'now' waits for every answer, 'ahead' notes its requests and is NULL until they are answered, 'later' is
-- NULL and asks nothing. Every macro that calls this one has a last argument `_mode` for it, added as it is made.
CREATE OR REPLACE TEMP MACRO _ai_ask(request, files, call, mode) AS
  from_json_strict(
    _ai_call(
      CAST(getvariable('airquery_statement') AS BIGINT),
      mode,
      CAST(to_json(request) AS VARCHAR),
      _ai_files(files),
      CAST(call AS VARCHAR)
    ),
    _ai_schema(CAST(getvariable('airquery_statement') AS BIGINT), CAST(call AS VARCHAR))
  );
