#!/bin/sh
# PostgreSQL for the shop, whoever packed it: a cluster in PGDATA at the first start, with its database and roles, and
# then the server. The cluster is made beside and moved last, so one that was interrupted is begun anew.
set -eu

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    fresh=$PGDATA.new
    rm -rf "$fresh"
    initdb --pgdata="$fresh" --username=admin --pwfile=/run/secrets/postgres/admin-password \
        --auth-local=trust --auth-host=scram-sha-256 --data-checksums --encoding=UTF8 --locale=C.UTF-8
    # The administrator has the socket, which is in here alone.
    echo "host shop owner,shop,exporter all scram-sha-256" >>"$fresh/pg_hba.conf"
    # Nobody but the script reaches it until it is complete.
    pg_ctl --pgdata="$fresh" --wait --options="-c listen_addresses=''" start
    createdb --username=admin shop
    sh /srv/postgres/roles.sh
    pg_ctl --pgdata="$fresh" --wait --mode=fast stop
    mv "$fresh" "$PGDATA"
fi
exec postgres -c config_file=/srv/postgres/postgresql.conf
