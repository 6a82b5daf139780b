#!/bin/sh
# A placeholder for the official image's entrypoint, which compose.yaml replaces.
exec "$@"
