#!/bin/sh
# Stands where the official image has its entrypoint, which compose.yaml replaces.
exec "$@"
