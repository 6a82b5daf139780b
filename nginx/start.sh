#!/bin/sh
# NGINX with its log rotation, for a container, where nothing else looks after the rotation: start.sh PREFIX
# The loop ends with the container; a rotation that ends is begun anew.
set -eu

prefix=${1:?give the prefix of NGINX}
while :; do
    sh "$prefix/conf/rotate-logs.sh" "$prefix" || sleep 1
done &
exec nginx -p "$prefix/" -e stderr -c conf/nginx.conf -g "daemon off;"
