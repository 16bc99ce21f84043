-- What the owner has spent in all: written twice it is the same.
INSERT INTO spent (day, scope, currency, owner, requests, tokens, money)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (day, scope, currency, owner) DO UPDATE SET
  requests = excluded.requests,
  tokens = excluded.tokens,
  money = excluded.money
