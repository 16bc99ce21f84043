-- Ask an endpoint about every row.
--
-- endpoint VARCHAR (constant): a name from the registry of endpoints.
-- request ANY: for chat and completions the prompt as text; for chat also {'messages': [{'role': ..., 'content': ...}]}; for a custom model a struct whose fields are its features, or any value (one column, `input`). NULL gives NULL and asks nothing.
-- returnType VARCHAR (constant): the type of the result, such as 'DOUBLE', 'STRUCT<a: INT, b: ARRAY<STRING>>' or schema_of_json('...'). Required for a custom model whose endpoint publishes none.
-- failOnError BOOLEAN (constant): true: the first failed row fails the statement. false: the result is STRUCT(result T, errorMessage VARCHAR), one of the two NULL.
-- modelParameters STRUCT (constant): for chat, completions and embeddings, such as named_struct('max_tokens', 100, 'temperature', 0.2). `temperature` is 0.0 unless set; NULL, here and for every other, is the endpoint's own default.
-- responseFormat VARCHAR (constant): for chat. 'STRUCT<...>' gives a value of that type; '{"type": "json_schema", ...}', '{"type": "json_object"}' and a bare JSON Schema give text that was checked; '{"type": "text"}' is the default.
-- files BLOB, VARCHAR or a list of them: pictures for a vision model: the bytes of JPEG or PNG files, or the paths of local ones. A NULL gives NULL and asks nothing.
-- system VARCHAR (constant): an instruction that stands before the request.
-- cache VARCHAR (constant): 'reuse' takes an answer of the journal; 'refresh' asks again and remembers the new answer; 'off' neither looks nor remembers.
-- maxErrorRatio DOUBLE (constant): with failOnError => false: the share of this call's distinct requests, 0.0 to 1.0, that may fail; above it the statement fails. Calls with the same constants count together. Needs airquery.run, the command or an operator.
-- details BOOLEAN (constant): true: the result is a struct that also says usage, model, finish_reason, latency_s, source (journal or endpoint), request_id, error_code, http_status, retryable, attempts and the raw answer of a failure.
-- reask BOOLEAN (constant): true: an answer that does not fit its type or schema is sent back once, with what is wrong with it.
-- rowsPerPrompt INTEGER (constant): 2 to 64: so many rows share one prompt to a chat endpoint, each answered by the id it has there; cheaper and, the more there are, less exact. NULL and 1 are off. Takes text requests, and neither files nor stop.
-- errorGroup ANY: with maxErrorRatio: a value of the row, such as country. The ratio then holds for each of its values with at least 10 distinct requests as well; the error names the worst.
-- Returns: VARCHAR for chat and completions, DOUBLE[] for embeddings, returnType or the type of responseFormat where there is one.
CREATE OR REPLACE TEMP MACRO ai_query(endpoint, request, returnType := NULL, failOnError := true, modelParameters := NULL, responseFormat := NULL, files := NULL, system := NULL, cache := 'reuse', maxErrorRatio := NULL, details := false, reask := false, rowsPerPrompt := NULL, errorGroup := NULL) AS
  _ai_ask(
    CASE
      WHEN typeof(errorGroup) = '"NULL"' THEN to_json(request)
      WHEN request IS NOT NULL THEN json_object('group', CAST(errorGroup AS VARCHAR), 'request', request)
    END,
    files,
    json_object(
      'function', 'ai_query',
      'endpoint', endpoint,
      'returnType', returnType,
      'failOnError', failOnError,
      'modelParameters', modelParameters,
      'responseFormat', CAST(responseFormat AS VARCHAR),
      'files', typeof(files),
      'system', system,
      'cache', cache,
      'maxErrorRatio', maxErrorRatio,
      'details', details,
      'reask', reask,
      'rowsPerPrompt', rowsPerPrompt,
      'errorGroup', typeof(errorGroup)
    )
  );
