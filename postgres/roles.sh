#!/bin/sh
# Create the roles for the shop's database: `owner` changes the schema (migrations), `shop` changes only rows, and
# `exporter` reads PostgreSQL's statistics. psql reads the passwords from files, so that they never appear in the process
# list.
set -eu

psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username admin --dbname shop <<'SQL'
\set owner `cat /run/secrets/postgres/owner-password`
\set shop `cat /run/secrets/postgres/shop-password`
\set exporter `cat /run/secrets/postgres/exporter-password`
CREATE ROLE owner LOGIN PASSWORD :'owner' CONNECTION LIMIT 5;
CREATE ROLE shop LOGIN PASSWORD :'shop' CONNECTION LIMIT 70;
CREATE ROLE exporter LOGIN PASSWORD :'exporter' CONNECTION LIMIT 5;
GRANT pg_monitor TO exporter;

REVOKE CONNECT, TEMPORARY ON DATABASE shop, postgres, template1 FROM PUBLIC;
GRANT CONNECT ON DATABASE shop TO owner, shop, exporter;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO owner;
GRANT USAGE ON SCHEMA public TO shop;
ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO shop;
ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO shop;
SQL
