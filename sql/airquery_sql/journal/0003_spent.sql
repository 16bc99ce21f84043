CREATE TABLE spent (
  day TEXT NOT NULL,
  scope TEXT NOT NULL,
  currency TEXT NOT NULL,
  owner TEXT NOT NULL,
  requests INTEGER NOT NULL,
  tokens INTEGER NOT NULL,
  money REAL NOT NULL,
  PRIMARY KEY (day, scope, currency, owner)
) WITHOUT ROWID;
