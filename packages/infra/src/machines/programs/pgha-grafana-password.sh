#!/bin/sh
# pgha-grafana-password FILE: gives Grafana's administrator the password of the file. Grafana reads it by itself only when it makes
# its database, which it does at its first start.
set -eu

[ -e /var/lib/grafana/grafana.db ] || exit 0
exec grafana cli --homepath /usr/share/grafana --config /etc/grafana/grafana.ini \
  admin reset-admin-password --password-from-stdin <"$1" >/dev/null
