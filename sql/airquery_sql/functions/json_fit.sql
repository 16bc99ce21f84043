-- Text that a model wrote, as a value of a type: STRUCT(result T, errorMessage VARCHAR).
CREATE OR REPLACE TEMP MACRO _json_fit(document, ddl) AS
  from_json_strict(_json_fit_text(document, ddl), _json_fit_schema(ddl));
