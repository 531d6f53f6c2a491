#!/bin/sh
# Starts a service of the current release with the login that is in use: pgha-serve APP
# The password stays in its file, which the service reads itself at every new connection.
set -eu

login=$(cat "$CREDENTIALS_DIRECTORY/login")
export DB_USER="$login"
export DB_PASSWORD_FILE="$CREDENTIALS_DIRECTORY/$login"

# exec keeps the process systemd handed the socket to
exec /opt/pgha/current/bin/node "/opt/pgha/current/apps/$1/src/main.ts"
