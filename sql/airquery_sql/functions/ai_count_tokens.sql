-- Estimate how many tokens a text has, without asking anybody.
-- Counted are runs of up to 8 Latin letters, runs of up to 3 digits, and every other character but white space.
--
-- content ANY: the text. NULL gives NULL.
-- Returns: BIGINT. An estimate: against the tokenizer of all-MiniLM-L6-v2, over the 3,708 English review sentences of the tests, the total is 1.000 times the true one, a sentence 0.88 to 1.12 times for nine in ten and 0.50 to 1.67 times at the ends (of a few words). Other tokenizers differ: for scripts other than Latin it counts each character, which is mostly too much.
CREATE OR REPLACE TEMP MACRO ai_count_tokens(content) AS
  len(regexp_extract_all(CAST(content AS VARCHAR), '[A-Za-z]{1,8}|[0-9]{1,3}|[^A-Za-z0-9 \t\n\r]'));
