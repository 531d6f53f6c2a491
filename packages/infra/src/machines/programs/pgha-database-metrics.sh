#!/bin/sh
# Writes what PostgreSQL knows of its own health as node exporter text: pgha-database-metrics CONNECTION QUERIES FILE
set -eu

connection=$1
queries=$2
target=$3

psql --no-psqlrc --set=ON_ERROR_STOP=1 --dbname="$connection" --file="$queries" >"$target.new"
chmod 0644 "$target.new"
# the exporter must never read half a file
mv "$target.new" "$target"
