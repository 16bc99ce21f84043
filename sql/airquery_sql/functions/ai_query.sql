-- One macro under three names. `_ai_call` answers a chunk of rows as JSON text, `_ai_schema` names the
-- result type while the statement is bound; from_json_strict turns the text into a value of that type.
-- ai_query asks at once; _ai_query_ahead notes the request and answers NULL until it is known;
-- _ai_query_later answers NULL and asks nothing.
CREATE OR REPLACE TEMP MACRO _ai_query(mode, endpoint, request, return_type, fail_on_error, model_parameters, response_format) AS
  from_json_strict(
    _ai_call(
      CAST(getvariable('airquery_statement') AS BIGINT),
      mode,
      endpoint,
      CAST(to_json(request) AS VARCHAR),
      return_type,
      fail_on_error,
      CAST(to_json(model_parameters) AS VARCHAR),
      CAST(response_format AS VARCHAR)
    ),
    _ai_schema(
      CAST(getvariable('airquery_statement') AS BIGINT),
      endpoint,
      return_type,
      fail_on_error,
      CAST(response_format AS VARCHAR)
    )
  );

CREATE OR REPLACE TEMP MACRO ai_query(endpoint, request, returnType := NULL, failOnError := true, modelParameters := NULL, responseFormat := NULL) AS
  _ai_query('now', endpoint, request, returnType, failOnError, modelParameters, responseFormat);

CREATE OR REPLACE TEMP MACRO _ai_query_ahead(endpoint, request, returnType := NULL, failOnError := true, modelParameters := NULL, responseFormat := NULL) AS
  _ai_query('ahead', endpoint, request, returnType, failOnError, modelParameters, responseFormat);

CREATE OR REPLACE TEMP MACRO _ai_query_later(endpoint, request, returnType := NULL, failOnError := true, modelParameters := NULL, responseFormat := NULL) AS
  _ai_query('later', endpoint, request, returnType, failOnError, modelParameters, responseFormat);
