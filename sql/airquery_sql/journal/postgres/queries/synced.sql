-- A server or a role may commit before it has written: an answer is kept when it is on disk.
SELECT set_config('synchronous_commit', 'on', true)
WHERE current_setting('synchronous_commit') = 'off'
