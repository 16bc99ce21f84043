CREATE TABLE airquery.spent (
  day DATE NOT NULL,
  scope TEXT NOT NULL,
  currency TEXT NOT NULL,
  owner TEXT NOT NULL,
  requests BIGINT NOT NULL,
  tokens BIGINT NOT NULL,
  money DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (day, scope, currency, owner)
)
