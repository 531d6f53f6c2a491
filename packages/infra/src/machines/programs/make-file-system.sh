#!/bin/sh
# make-file-system DEVICE: waits for the device and makes a file system on it if there is nothing on it at all.
set -eu

device=$1
tries=0
until [ -b "$device" ]; do
  tries=$((tries + 1))
  if [ "$tries" -ge 300 ]; then
    echo "$device did not appear in 5 minutes: check that the volume is attached. The disks are" >&2
    lsblk --nodeps --output NAME,SIZE,MODEL,SERIAL >&2
    exit 1
  fi
  if [ "$tries" = 1 ]; then
    echo "waiting for $device" >&2
    # the rule that names it may be younger than the disk
    udevadm trigger --subsystem-match=block || true
  fi
  sleep 1
done
udevadm settle --timeout=30 || true

# 0: something is there, whatever it is. 2: nothing. Anything else: not sure, and then it is left alone.
code=0
blkid --probe "$device" >/dev/null || code=$?
case $code in
  0) ;;
  2) mkfs.ext4 -q -L pgha-data "$device" ;;
  *)
    echo "could not determine what is on $device (blkid exited with status $code); check it with: wipefs --no-act $device" >&2
    exit 1
    ;;
esac
