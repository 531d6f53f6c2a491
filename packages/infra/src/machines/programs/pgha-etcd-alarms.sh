#!/bin/sh
# Writes which alarms etcd has raised as node exporter text: pgha-etcd-alarms FILE
set -eu

target=$1

# one line each: "memberID:10501334649042878790 alarm:NOSPACE "
alarms=$(pgha-etcdctl alarm list)
{
  echo '# HELP pgha_etcd_alarm Alarms that a member of etcd raised and that are not disarmed.'
  echo '# TYPE pgha_etcd_alarm gauge'
  echo "$alarms" | sed -n 's/^memberID:\([0-9]*\) *alarm:\([A-Z]*\).*/pgha_etcd_alarm{member="\1",alarm="\2"} 1/p'
} >"$target.new"
chmod 0644 "$target.new"
# the exporter must never read half a file
mv "$target.new" "$target"
