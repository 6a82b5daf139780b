#!/bin/sh
# Like Valkey's own entrypoint since 2026, refuses to start a server that cannot write to its data folder.
set -eu

case ${1:-} in
-* | *.conf) set -- valkey-server "$@" ;;
esac
if [ "$1" = valkey-server ]; then
    if [ "$(id -u)" = 0 ]; then
        chown -R valkey:valkey .
        exec setpriv --reuid=999 --regid=1000 --clear-groups -- "$0" "$@"
    fi
    [ -w . ] || { echo "user $(id -u) cannot write to $PWD" >&2; exit 1; }
fi
umask 0077
exec "$@"
