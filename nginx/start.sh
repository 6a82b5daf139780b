#!/bin/sh
# Start NGINX together with its log rotation, in a container: start.sh PREFIX
# The loop restarts the log rotation if it exits. The loop itself stops with the container.
set -eu

prefix=${1:?usage: start.sh PREFIX}
while :; do
    sh "$prefix/conf/rotate-logs.sh" "$prefix" || sleep 1
done &
exec nginx -p "$prefix/" -e stderr -c conf/nginx.conf -g "daemon off;"
