-- What the model finds in every mail. It sees the mail alone, never what is true of it. A failed
-- request is a row with the reason, not a failed task. The instruction stands before the mail, so
-- that the server reads it once. It describes no field: a small model copies a description into its
-- answer, and the schema says as much. null is how a model says that a mail does not say.
{% set day = (dag_run.partition_key or params.partition or ds) | replace("'", "''") %}
WITH asked AS (
  SELECT
    mail_id,
    mail,
    ai_query(
      '{{ params.llm | replace("'", "''") }}',
      request => 'Read this mail about an invoice and return its vendor, its number, its date as YYYY-MM-DD, the total to '
        || 'pay and the currency as JSON. What the mail does not state is null.'
        || chr(10) || chr(10) || 'MAIL' || chr(10) || mail || chr(10) || 'FIELDS',
      modelParameters => {'max_tokens': 120, 'temperature': 0.0},
      responseFormat => '{
        "type": "json_schema",
        "json_schema": {
          "name": "invoice",
          "strict": true,
          "schema": {
            "type": "object",
            "properties": {
              "vendor": {"type": ["string", "null"], "maxLength": 60},
              "invoice_number": {"type": ["string", "null"], "maxLength": 20},
              "issued_on": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
              "total": {"type": ["number", "null"]},
              "currency": {"enum": ["AUD", "CAD", "CHF", "EUR", "GBP", "SEK", "USD", null]}
            },
            "required": ["vendor", "invoice_number", "issued_on", "total", "currency"],
            "additionalProperties": false
          }
        }
      }',
      failOnError => false
    ) AS fields
  FROM invoices.received
  WHERE partition_key = '{{ day }}'
)

SELECT
  mail_id,
  mail,
  fields.result AS answer,
  fields.errorMessage AS answer_error
FROM asked
