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

# The other backups wait for this one: a bucket that swallows its requests must not hold them up. pgBackRest alone would go on
# for ten minutes.
ask_soon() { timeout --kill-after=5 120 pgbackrest --stanza="$STANZA" "$@"; }

is_full_there='any(.[].backup[]?; .type == "full" and (.error | not))'

is_primary || exit 0
if [ "$type" = ensure ] && [ -n "$(find "$ensured" -mmin -30 2>/dev/null)" ]; then
  exit 0
fi

failed=0
# Makes what is missing and checks the rest; a repository that is away must not keep the other one from being served.
ask_soon stanza-create || [ "$chosen" != "$REPOSITORIES" ] || failed=1

for repository in $chosen; do
  if ! info=$(ask_soon --repo="$repository" --output=json info); then
    echo "repository $repository does not say what it has" >&2
    failed=1
    continue
  fi
  if printf '%s' "$info" | jq --exit-status "$is_full_there" >/dev/null; then
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
