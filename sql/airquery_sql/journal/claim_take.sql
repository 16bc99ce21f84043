INSERT INTO claim (key, owner, expires_at)
VALUES (?, ?, ?)
ON CONFLICT (key) DO UPDATE SET
  owner = excluded.owner,
  expires_at = excluded.expires_at
