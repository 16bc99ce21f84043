-- The mails that were received on one day, with what is true of them.
{% set day = (dag_run.partition_key or params.partition or ds) | replace("'", "''") %}
SELECT
  id AS mail_id,
  received_on,
  text AS mail,
  vendor,
  invoice_number,
  issued_on,
  total,
  currency
FROM source
WHERE received_on = DATE '{{ day }}'
