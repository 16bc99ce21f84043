-- Estimate how many tokens a text has, without asking anybody.
-- Counted are runs of up to 8 Latin letters, runs of up to 3 digits, and every other character but white space.
--
-- content ANY: the text. NULL gives NULL.
-- Returns: BIGINT.
CREATE OR REPLACE TEMP MACRO ai_count_tokens(content) AS
  len(regexp_extract_all(CAST(content AS VARCHAR), '[A-Za-z]{1,8}|[0-9]{1,3}|[^A-Za-z0-9 \t\n\r]'));
