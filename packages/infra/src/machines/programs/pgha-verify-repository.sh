#!/bin/sh
# pgha-verify-repository N: reads everything that repository N holds and checks it. What pgBackRest says is left in
# /run/pgha-verify for the one who asked; with a whole repository to read, that takes hours.
set -eu
# shellcheck source=/dev/null
. /etc/pgha/backup.env

report=/run/pgha-verify/repository-$1
rm -f "$report" "$report.new"
code=0
pgbackrest --stanza="$STANZA" --repo="$1" --output=text --verbose --process-max=1 --log-level-console=detail \
  --log-timestamp=n --job-retry-interval=3 verify >"$report.new" 2>&1 || code=$?
# a lost bundle is said once for each of the thousands of files in it
awk '!seen[$0]++' "$report.new" >"$report.short"
echo "exit code $code" >>"$report.short"
rm -f "$report.new"
mv "$report.short" "$report"
exit "$code"
