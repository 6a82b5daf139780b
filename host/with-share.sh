#!/bin/sh
# Run a program of .lab/debian with that folder's /usr/share in place of the machine's, seen by the program alone:
# Debian's Prometheus, Alertmanager and Pushgateway read their pages and templates there and take no other folder.
# A program that comes from the PATH has its own and runs as it is.
case $1 in
"$LAB"/debian/*) ;;
*) exec "$@" ;;
esac
# shellcheck disable=SC2016
exec unshare --user --map-root-user --mount sh -c 'mount --bind "$LAB/debian/usr/share" /usr/share && exec "$@"' sh "$@"
