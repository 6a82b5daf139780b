#!/bin/sh
# Run a program from .lab/debian in its own mount namespace, where /usr/share is .lab/debian/usr/share. Debian's
# Prometheus, Alertmanager and Pushgateway read their pages and templates only from /usr/share.
# Programs from the PATH run unchanged.
case $1 in
"$LAB"/debian/*) ;;
*) exec "$@" ;;
esac
# shellcheck disable=SC2016
exec unshare --user --map-root-user --mount sh -c 'mount --bind "$LAB/debian/usr/share" /usr/share && exec "$@"' sh "$@"
