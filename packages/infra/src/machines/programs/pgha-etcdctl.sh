#!/bin/sh
# etcdctl as administrator of this region's etcd, to all its members; the password reaches it by the environment, which only root
# reads
set -eu

# EX_CONFIG of sysexits.h: nothing was asked of etcd, another machine may be
missing() {
  echo "pgha-etcdctl: $1 does not exist yet" >&2
  exit 78
}

for file in /etc/pgha/etcdctl.env /etc/pgha/tls/ca.crt /etc/pgha/secrets/etcd_admin_login; do
  [ -r "$file" ] || missing "$file"
done
set -a
# shellcheck source=/dev/null
. /etc/pgha/etcdctl.env
set +a
ETCDCTL_USER=$(cat /etc/pgha/secrets/etcd_admin_login)
[ -r "/etc/pgha/secrets/$ETCDCTL_USER" ] || missing "/etc/pgha/secrets/$ETCDCTL_USER"
ETCDCTL_PASSWORD=$(cat "/etc/pgha/secrets/$ETCDCTL_USER")
export ETCDCTL_USER ETCDCTL_PASSWORD
exec etcdctl "$@"
