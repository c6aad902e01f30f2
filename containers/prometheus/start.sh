#!/bin/sh
# Prometheus reads no environment: the first of the API_KEYS goes into a file in memory that only it can read.
umask 077
printf %s "${API_KEYS%%,*}" >"$HOME/lineside.key"
unset API_KEYS
exec prometheus "$@"
