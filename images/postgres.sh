#!/bin/sh
# For Debian's PostgreSQL, what the official image's entrypoint makes of its variables: a cluster at the first start, in
# PGDATA, with POSTGRES_USER as its administrator, POSTGRES_DB, and what the scripts of docker-entrypoint-initdb.d make.
set -eu

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    # shellcheck disable=SC2086
    initdb --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --auth-local=trust \
        --auth-host=scram-sha-256 $POSTGRES_INITDB_ARGS
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    # Nobody but the scripts reaches it until it is complete.
    pg_ctl --wait --options="-c listen_addresses=''" start
    createdb --username="$POSTGRES_USER" "$POSTGRES_DB"
    for script in /docker-entrypoint-initdb.d/*.sh; do
        sh "$script"
    done
    pg_ctl --wait --mode=fast stop
fi
exec "$@"
