#!/bin/sh
# Stands in for the official image's entrypoint, which compose.yaml replaces.
exec "$@"
