#!/bin/sh
# Turns etcd's authentication on: a root user, and one more that may use one prefix: pgha-etcd-auth USER PASSWORD_FILE PREFIX
# May be interrupted and run again at any point. Once authentication is on it changes nothing: passwords are rotated elsewhere.
set -eu

user=$1
password_file=$2
prefix=$3
root_password_file=/etc/pgha/secrets/etcd_root

# the members boot side by side: this waits until enough of them are there to agree, then gives the unit its next try
tries=0
until status=$(pgha-etcdctl auth status 2>&1); do
  tries=$((tries + 1))
  if [ "$tries" -ge 30 ]; then
    printf 'no quorum yet: fewer than half of the members answer\n%s\n' "$status" >&2
    exit 1
  fi
  sleep 1
done

case $status in
  *'Authentication Status: true'*)
    echo 'authentication is on'
    exit 0
    ;;
esac

# etcd takes a password from standard input; an argument would be in the process list
set_user() {
  if pgha-etcdctl user get "$1" >/dev/null 2>&1; then
    pgha-etcdctl user passwd "$1" --interactive=false <"$2"
  else
    pgha-etcdctl user add "$1" --interactive=false <"$2"
  fi
}

ensure_role() {
  pgha-etcdctl role get "$1" >/dev/null 2>&1 || pgha-etcdctl role add "$1"
}

set_user root "$root_password_file"
ensure_role root
pgha-etcdctl user grant-role root root

set_user "$user" "$password_file"
ensure_role "$user"
pgha-etcdctl role grant-permission "$user" readwrite --prefix=true "$prefix"
pgha-etcdctl user grant-role "$user" "$user"

pgha-etcdctl auth enable
