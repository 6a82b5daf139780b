#!/bin/sh
# Make Debian's Python available at the official image's paths, and add its headers without the compiler that Debian's
# package requires.
set -eu

apt-get -qq update --error-on=any
cd /tmp
apt-get -qq download libpython3.13-dev
dpkg-deb --extract libpython3.13-dev_*.deb headers
cp --recursive headers/usr/include/. /usr/include/
cp --no-dereference headers/usr/lib/*-linux-gnu/libpython3.13.so /usr/lib/*-linux-gnu/
rm -r headers libpython3.13-dev_*.deb /var/lib/apt/lists/*
for name in python python3 python3.13; do
    ln -s /usr/bin/python3.13 /usr/local/bin/$name
done
