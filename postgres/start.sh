#!/bin/sh
# Start PostgreSQL for the shop, in the official image or the Debian one. The first start creates the cluster in PGDATA,
# with its database and roles. It is created in a temporary folder and moved last, so if creation is interrupted, the
# next start repeats it.
set -eu

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    fresh=$PGDATA.new
    rm -rf "$fresh"
    initdb --pgdata="$fresh" --username=admin --pwfile=/run/secrets/postgres/admin-password \
        --auth-local=trust --auth-host=scram-sha-256 --data-checksums --encoding=UTF8 --locale=C.UTF-8
    # The administrator connects over the socket, which exists only in this container.
    echo "host shop owner,shop,exporter all scram-sha-256" >>"$fresh/pg_hba.conf"
    # Keep the cluster unreachable over the network until it is complete.
    pg_ctl --pgdata="$fresh" --wait --options="-c listen_addresses=''" start
    createdb --username=admin shop
    sh /srv/postgres/roles.sh
    pg_ctl --pgdata="$fresh" --wait --mode=fast stop
    mv "$fresh" "$PGDATA"
fi
exec postgres -c config_file=/srv/postgres/postgresql.conf
