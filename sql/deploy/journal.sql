-- The journal's role and database beside Airflow's, made once; psql reads it, as PostgreSQL's owner.
\getenv password JOURNAL_PASSWORD

SELECT 'CREATE ROLE airquery LOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'airquery')
\gexec

ALTER ROLE airquery PASSWORD :'password';

SELECT 'CREATE DATABASE airquery OWNER airquery'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'airquery')
\gexec

-- A task knows the journal's password: it opens nothing but the journal.
REVOKE CONNECT ON DATABASE airflow FROM PUBLIC;
REVOKE CONNECT ON DATABASE airquery FROM PUBLIC;
