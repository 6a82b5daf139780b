#!/bin/sh
# As strict as Valkey's own entrypoint of 2026: a server that cannot write to its data folder does not start.
set -eu

case ${1:-} in
-* | *.conf) set -- valkey-server "$@" ;;
esac
if [ "$1" = valkey-server ]; then
    if [ "$(id -u)" = 0 ]; then
        chown -R valkey:valkey .
        exec setpriv --reuid=999 --regid=1000 --clear-groups -- "$0" "$@"
    fi
    [ -w . ] || { echo "user $(id -u) cannot write $PWD" >&2; exit 1; }
fi
umask 0077
exec "$@"
