#!/bin/sh
# Create the file trees of the images whose programs come from Debian trixie.
. /lookalike/tools.sh

tree postgres
shell postgres
user postgres postgres 70 70 /var/lib/postgresql /bin/sh
# PostgreSQL locates its files relative to its real programs, so the programs at the official image's paths are
# symlinks.
for folder in /usr/lib/postgresql/17 /usr/share/postgresql/17 /usr/share/zoneinfo /usr/lib/locale; do
    mkdir -p "/image/postgres$(dirname $folder)"
    cp --archive $folder "/image/postgres$folder"
done
rm -rf /image/postgres/usr/share/postgresql/17/man
for program in /usr/lib/postgresql/17/bin/*; do
    ln -s "$program" "/image/postgres/usr/local/bin/${program##*/}"
done
libraries postgres /usr/lib/postgresql/17/bin/* /usr/lib/postgresql/17/lib/*.so
cp /lookalike/entrypoint.sh /image/postgres/usr/local/bin/docker-entrypoint.sh
folder postgres 70:70 1777 /var/lib/postgresql
folder postgres 70:70 1777 /var/lib/postgresql/data
folder postgres 70:70 3777 /run/postgresql
folder postgres 0:0 0755 /docker-entrypoint-initdb.d

tree valkey
shell valkey
user valkey valkey 999 1000 /home/valkey /sbin/nologin
for program in valkey-server valkey-cli; do
    put valkey /usr/bin/$program /usr/local/bin/$program
done
cp /lookalike/valkey-entrypoint.sh /image/valkey/usr/local/bin/docker-entrypoint.sh
folder valkey 999:1000 1777 /data
folder valkey 999:1000 1777 /run/valkey
