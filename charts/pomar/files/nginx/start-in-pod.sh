#!/bin/sh
# Start NGINX in the shop pod. made/ is a writable copy of made.template/: the preStop hook replaces listen.conf in it,
# and when the certificate has been renewed, NGINX loads the new one.
set -eu

cd /srv/nginx
cp made.template/* made/
while sleep 60; do
    if ! cmp -s made.template/shop.crt made/shop.crt; then
        cp made.template/shop.crt made.template/shop.key made/
        kill -HUP $$
    fi
done &
exec sh conf/start.sh /srv/nginx
