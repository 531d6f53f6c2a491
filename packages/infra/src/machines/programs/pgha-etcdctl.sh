#!/bin/sh
# etcdctl as administrator of this region's etcd, to all its members; the password reaches it by the environment, which only root
# reads
set -eu

set -a
# shellcheck source=/dev/null
. /etc/pgha/etcdctl.env
set +a
ETCDCTL_USER=$(cat /etc/pgha/secrets/etcd_admin_login)
ETCDCTL_PASSWORD=$(cat "/etc/pgha/secrets/$ETCDCTL_USER")
export ETCDCTL_USER ETCDCTL_PASSWORD
exec etcdctl "$@"
