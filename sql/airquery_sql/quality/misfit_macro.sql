-- Text is the JSON that is judged; of any other type, JSON is made first.
CREATE TEMP MACRO {name}(given) AS
  _{name}(
    CASE
      WHEN typeof(given) IN ('VARCHAR', 'JSON') THEN CAST(given AS VARCHAR)
      ELSE CAST(to_json(given) AS VARCHAR)
    END
  )
