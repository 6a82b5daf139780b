#!/bin/sh
# Unpack packages and their dependencies: unpack.sh NAME…
# Does not run their maintainer scripts, which take up most of the installation time.
set -eu

apt-get -qq update --error-on=any
apt-get -qq install --download-only --yes --no-install-recommends "$@" >/dev/null
for package in /var/cache/apt/archives/*.deb; do
    dpkg-deb --extract "$package" /
done
rm -rf /var/lib/apt/lists/* /var/cache/apt/*
