#!/bin/sh
# etcdctl as root of this region's etcd, to all its members; the password reaches it by the environment, which only root reads
set -eu

set -a
# shellcheck source=/dev/null
. /etc/pgha/etcdctl.env
set +a
ETCDCTL_PASSWORD=$(cat /etc/pgha/secrets/etcd_root)
export ETCDCTL_PASSWORD
exec etcdctl "$@"
