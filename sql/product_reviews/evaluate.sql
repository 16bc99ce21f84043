-- How well the day went: the answers against what people thought of the same reviews.
-- A review is positive or negative by the sign of its mean human rating; the few at zero are left
-- out. The model's verdict is the majority of the opinions it found. A review without a usable
-- answer, or without a majority, counts as wrong: nothing is left out to look better. A day without
-- any usable answer is no result but an error, which fails the task with the commonest reason.
{% set day = (dag_run.partition_key or params.partition or ds) | replace("'", "''") %}
WITH verdicts AS (
  SELECT
    review_id,
    sign(count_if(sentiment = 'Positive') - count_if(sentiment = 'Negative')) AS verdict,
    count(*) AS opinions,
    count_if(contains(lower(review_text), lower(comment))) AS verbatim
  FROM reviews.opinions
  WHERE partition_key = '{{ day }}'
  GROUP BY review_id
),

judged AS (
  SELECT
    answers.review_id,
    sign(answers.rating) AS truth,
    coalesce(verdicts.verdict, 0) AS verdict,
    CASE answers.baseline_sentiment WHEN 'Positive' THEN 1 WHEN 'Negative' THEN -1 ELSE 0 END AS baseline,
    verdicts.opinions,
    verdicts.verbatim
  FROM reviews.answers AS answers
  LEFT JOIN verdicts ON verdicts.review_id = answers.review_id
  WHERE answers.partition_key = '{{ day }}'
),

counted AS (
  SELECT
    (SELECT count(*) FROM reviews.received WHERE partition_key = '{{ day }}') AS reviews,
    count(*) AS asked,
    count(opinions) AS answered,
    (SELECT count(*) FROM reviews.quarantine WHERE partition_key = '{{ day }}') AS quarantined,
    coalesce(sum(opinions), 0) AS opinions,
    count_if(truth <> 0) AS rated,
    count_if(truth <> 0 AND verdict = truth) / nullif(count_if(truth <> 0), 0) AS llm_accuracy,
    count_if(truth <> 0 AND baseline = truth) / nullif(count_if(truth <> 0), 0) AS baseline_accuracy,
    greatest(count_if(truth > 0), count_if(truth < 0)) / nullif(count_if(truth <> 0), 0) AS majority_accuracy,
    sum(verbatim) / nullif(sum(opinions), 0) AS verbatim_share
  FROM judged
)

SELECT
  *,
  reviews - asked AS blank,
  CASE
    WHEN asked > 0 AND answered = 0 THEN error(format(
      'None of the {} reviews of {} has a usable answer. The commonest reason: {}',
      asked,
      '{{ day }}',
      (SELECT mode(reason) FROM reviews.quarantine WHERE partition_key = '{{ day }}')
    ))
    ELSE format(
      '{}: {} of {} reviews answered, {} quarantined. Sentiment right: model {:.0f} %, baseline {:.0f} %, '
      || 'always the commoner class {:.0f} %. {:.0f} % of the comments stand in the review word for word.',
      '{{ day }}',
      answered,
      reviews,
      quarantined,
      100 * coalesce(llm_accuracy, 0),
      100 * coalesce(baseline_accuracy, 0),
      100 * coalesce(majority_accuracy, 0),
      100 * coalesce(verbatim_share, 0)
    )
  END AS summary
FROM counted
