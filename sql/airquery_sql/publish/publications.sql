CREATE TABLE IF NOT EXISTS airquery_publications (
  target varchar(255) NOT NULL,
  partition_key varchar(255) NOT NULL,
  run_number bigint NOT NULL,
  PRIMARY KEY (target, partition_key)
)
