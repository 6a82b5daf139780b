#!/bin/sh
# The roles of the shop's database, made with it: `owner` changes the schema (migrations), `shop` only its rows,
# `exporter` reads PostgreSQL's statistics. Passwords are read from files that no one else can read.
set -e

password() {
    cat "/run/secrets/postgres/$1-password"
}

psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --set owner="$(password owner)" --set shop="$(password shop)" --set exporter="$(password exporter)" <<'SQL'
CREATE ROLE owner LOGIN PASSWORD :'owner' CONNECTION LIMIT 5;
CREATE ROLE shop LOGIN PASSWORD :'shop' CONNECTION LIMIT 70;
CREATE ROLE exporter LOGIN PASSWORD :'exporter' CONNECTION LIMIT 5;
GRANT pg_monitor TO exporter;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
REVOKE CONNECT, TEMPORARY ON DATABASE shop FROM PUBLIC;
GRANT CONNECT ON DATABASE shop TO owner, shop, exporter;
GRANT USAGE, CREATE ON SCHEMA public TO owner;
GRANT USAGE ON SCHEMA public TO shop;
ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO shop;
ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO shop;
SQL
