#!/bin/sh
# Start NGINX in the shop pod. made/ is a writable copy of made.template/: the preStop hook replaces listen.conf in it,
# and when the certificate has been renewed, NGINX loads the new one.
set -eu

cd /srv/nginx
cp made.template/* made/
# mtail opens a log at its end. So it first opens an empty one, and then reads NGINX's log, which replaces it, from the
# start. Otherwise it would not count the pod's first requests.
[ -e logs/metrics.log ] || : >logs/metrics.log
while sleep 60; do
    if ! cmp -s made.template/shop.crt made/shop.crt; then
        cp made.template/shop.crt made.template/shop.key made/
        kill -HUP $$
    fi
done &
exec sh conf/start.sh /srv/nginx
