-- Two opinions about every review: what the language model finds in it, and the sentiment that a
-- lexicon gives it, as a baseline. A failed request is a row with the reason, not a failed task.
-- The instruction stands before the review, so that the server reads it once. It has no example: the
-- schema says as much, and a small model copies examples into its answers. A comment comes before
-- its labels, which then follow from it. Two short opinions are what a small model ends in time.
{% set day = (dag_run.partition_key or params.partition or ds) | replace("'", "''") %}
WITH asked AS (
  SELECT
    *,
    ai_query(
      '{{ params.llm | replace("'", "''") }}',
      request => 'You are an opinion mining service. Given a review, list its key opinions as JSON: '
        || 'a comment copied from the review word for word, its classification and its sentiment.' || chr(10)
        || 'Classifications: Quality, Service, Design, Safety, Efficiency, Usability, Price' || chr(10)
        || 'Sentiments: Positive, Negative, Neutral, Mixed' || chr(10) || chr(10)
        || 'REVIEW' || chr(10) || review_text || chr(10)
        || 'RESULT',
      modelParameters => {'max_tokens': 150, 'temperature': 0.0},
      responseFormat => '{
        "type": "json_schema",
        "json_schema": {
          "name": "opinions",
          "strict": true,
          "schema": {
            "type": "object",
            "properties": {
              "opinions": {
                "type": "array",
                "minItems": 1,
                "maxItems": 2,
                "items": {
                  "type": "object",
                  "properties": {
                    "comment": {"type": "string", "maxLength": 60},
                    "classification": {
                      "type": "string",
                      "enum": ["Quality", "Service", "Design", "Safety", "Efficiency", "Usability", "Price"]
                    },
                    "sentiment": {"type": "string", "enum": ["Positive", "Negative", "Neutral", "Mixed"]}
                  },
                  "required": ["comment", "classification", "sentiment"],
                  "additionalProperties": false
                }
              }
            },
            "required": ["opinions"],
            "additionalProperties": false
          }
        }
      }',
      failOnError => false
    ) AS opinions,
    ai_query(
      '{{ params.baseline | replace("'", "''") }}',
      {'text': review_text},
      returnType => 'STRUCT<compound: DOUBLE, sentiment: STRING>',
      failOnError => false
    ) AS baseline
  FROM reviews.prepared
  WHERE partition_key = '{{ day }}'
)

SELECT
  review_id,
  rating,
  review_text,
  opinions.result AS answer,
  opinions.errorMessage AS answer_error,
  baseline.result.compound AS baseline_compound,
  baseline.result.sentiment AS baseline_sentiment,
  baseline.errorMessage AS baseline_error
FROM asked
