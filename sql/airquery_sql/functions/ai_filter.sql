-- Decide whether a statement or a question about a row holds, for WHERE and JOIN.
--
-- predicate ANY: a statement or a yes-no question in words together with what it is about, such as 'Does this review praise the battery? ' || text. NULL gives NULL and asks nothing.
-- endpoint VARCHAR (constant): a name from the registry of endpoints. NULL asks the default one of this function.
-- failOnError BOOLEAN (constant): true: the first failed row fails the statement. false: the result is STRUCT(result T, errorMessage VARCHAR), one of the two NULL.
-- modelParameters STRUCT (constant): as for ai_query.
-- cache VARCHAR (constant): 'reuse', 'refresh' or 'off', as for ai_query.
-- maxErrorRatio DOUBLE (constant): as for ai_query.
-- details BOOLEAN (constant): as for ai_query.
-- version VARCHAR (constant): '1.0', the only one: it fixes the prompt and the form of the result.
-- Returns: BOOLEAN. With failOnError => false a struct, so WHERE takes (ai_filter(...)).result.
CREATE OR REPLACE TEMP MACRO ai_filter(predicate, endpoint := NULL, failOnError := true, modelParameters := NULL, cache := 'reuse', maxErrorRatio := NULL, details := false, version := '1.0') AS
  _ai_ask(
    predicate,
    NULL,
    json_object(
      'function', 'ai_filter',
      'endpoint', endpoint,
      'system', 'Decide whether what the user writes is true, or, if it is a question, whether its answer is yes.
Answer as JSON: {"answer": true} or {"answer": false}.',
      'responseFormat', '{"type": "json_schema", "json_schema": {"name": "answer", "strict": true, "schema": {"type": "object", "properties": {"answer": {"type": "boolean"}}, "required": ["answer"], "additionalProperties": false}}}',
      'pick', 'answer',
      'returnType', 'BOOLEAN',
      'failOnError', failOnError,
      'modelParameters', modelParameters,
      'cache', cache,
      'maxErrorRatio', maxErrorRatio,
      'details', details,
      'version', version
    )
  );
