#!/bin/sh
# pgha-backup full|diff|incr|ensure[-REPOSITORY]: on the primary, one backup into every repository, or into the one named.
# "ensure" takes a full one where there is none. Everywhere else it does nothing, so that the timers can stand on every machine
# and follow a failover by themselves.
set -eu
# shellcheck source=/dev/null
. /etc/pgha/backup.env

type=${1%%-*}
chosen=$REPOSITORIES
case $1 in *-*) chosen=${1#*-} ;; esac
ensured=/run/pgbackrest/ensured

is_primary() {
  curl --silent --fail --output /dev/null --max-time 5 --cacert "$PATRONI_CA" https://localhost:8008/primary
}

has_full_backup() {
  info=$(pgbackrest --stanza="$STANZA" --repo="$1" --output=json info) || return 2
  printf '%s' "$info" | jq --exit-status 'any(.[].backup[]?; .type == "full" and (.error | not))' >/dev/null
}

is_primary || exit 0
if [ "$type" = ensure ] && [ -n "$(find "$ensured" -mmin -30 2>/dev/null)" ]; then
  exit 0
fi

failed=0
# Makes what is missing and checks the rest; a repository that is away must not keep the other one from being served.
pgbackrest --stanza="$STANZA" stanza-create || [ "$chosen" != "$REPOSITORIES" ] || failed=1

for repository in $chosen; do
  if has_full_backup "$repository"; then
    [ "$type" = ensure ] && continue
    wanted=$type
  else
    wanted=full
  fi
  echo "taking a $wanted backup into repository $repository"
  pgbackrest --stanza="$STANZA" --repo="$repository" --type="$wanted" backup || failed=1
done

[ "$failed" = 0 ] && [ "$chosen" = "$REPOSITORIES" ] && touch "$ensured"
exit "$failed"
