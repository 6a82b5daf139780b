#!/bin/sh
# Install packages and remove caches and documentation: install-packages NAME…
set -eu
apt-get -qq update --error-on=any
DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "$@" >/dev/null
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /usr/share/doc/*
