-- Say how much two texts have in common in their meaning, by the cosine of their embeddings.
--
-- expr1 ANY: a text. NULL gives NULL and asks nothing.
-- expr2 ANY: the other one. NULL gives NULL and asks nothing.
-- endpoint VARCHAR (constant): a name from the registry of endpoints. NULL asks the default one of this function.
-- failOnError BOOLEAN (constant): true: the first failed row fails the statement. false: the result is STRUCT(result T, errorMessage VARCHAR), one of the two NULL.
-- modelParameters STRUCT (constant): as for ai_query.
-- cache VARCHAR (constant): 'reuse', 'refresh' or 'off', as for ai_query.
-- maxErrorRatio DOUBLE (constant): as for ai_query.
-- details BOOLEAN (constant): as for ai_query; of the last request of a row only.
-- version VARCHAR (constant): '1.0', the only one: it fixes the prompt and the form of the result.
-- Returns: FLOAT: 1.0 for identical texts, at most 1.0 for others; to rank by, not to measure.
CREATE OR REPLACE TEMP MACRO ai_similarity(expr1, expr2, endpoint := NULL, failOnError := true, modelParameters := NULL, cache := 'reuse', maxErrorRatio := NULL, details := false, version := '1.0') AS
  _ai_ask(
    CASE WHEN expr1 IS NOT NULL AND expr2 IS NOT NULL THEN {'expr1': to_json(expr1), 'expr2': to_json(expr2)} END,
    NULL,
    json_object(
      'function', 'ai_similarity',
      'endpoint', endpoint,
      'failOnError', failOnError,
      'modelParameters', modelParameters,
      'cache', cache,
      'maxErrorRatio', maxErrorRatio,
      'details', details,
      'version', version
    )
  );
