#!/bin/sh
# What the image of PostgreSQL does with POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB.
set -eu
if [ "$1" = postgres ]; then
	if [ ! -s "$PGDATA/PG_VERSION" ]; then
		printf '%s\n' "$POSTGRES_PASSWORD" > /tmp/password
		initdb --username="$POSTGRES_USER" --pwfile=/tmp/password --auth-local=trust --auth-host=scram-sha-256 \
			--encoding=UTF8 --no-sync
		rm /tmp/password
		echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
		if [ "$POSTGRES_DB" != postgres ]; then
			echo "CREATE DATABASE \"$POSTGRES_DB\"" | postgres --single -D "$PGDATA" postgres
		fi
	fi
	set -- postgres -c 'listen_addresses=*'
fi
exec "$@"
