#!/bin/sh
# pgha-backup full|diff|incr|ensure[-REPOSITORY]: on the primary, one backup into every repository, or into the one named.
# "ensure" takes a full one where there is none; a full backup of before the promotion of this region is none. Everywhere else it does
# nothing, so that the timers can stand on every machine and follow a failover by themselves.
set -eu
# shellcheck source=/dev/null
. /etc/pgha/backup.env

type=${1%%-*}
chosen=$REPOSITORIES
case $1 in *-*) chosen=${1#*-} ;; esac
ensured=/run/pgbackrest/ensured

ask_patroni() { curl --silent --fail --max-time 5 --cacert "$PATRONI_CA" "https://localhost:8008/$1"; }

# What the promotion of this region asks for, {"repository": 2, "timeline": 3}, or null.
read_request() { ask_patroni config | jq --compact-output '.pgha_full_backup'; }

# The oldest timeline whose full backup counts in a repository, as it begins the name of a segment; nothing: any.
oldest_timeline() {
  number=$(printf '%s' "$request" | jq --argjson repository "$1" 'select(.repository == $repository) | .timeline')
  [ -z "$number" ] || printf %08X "$number"
}

# The other backups wait for this one: a bucket that swallows its requests must not hold them up. pgBackRest alone would go on
# for ten minutes.
ask_soon() { timeout --kill-after=5 120 pgbackrest --stanza="$STANZA" "$@"; }

# shellcheck disable=SC2016 # the variable is jq's
is_full_there='any(.[].backup[]?; .type == "full" and (.error | not) and (.archive.start // "")[0:8] >= $oldest)'

ask_patroni primary >/dev/null || exit 0
request=$(read_request)
# what was ensured a moment ago does not answer a new request
if [ "$type" = ensure ] && [ -n "$(find "$ensured" -mmin -30 2>/dev/null)" ] && [ "$(cat "$ensured")" = "$request" ]; then
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
  if printf '%s' "$info" | jq --exit-status --arg oldest "$(oldest_timeline "$repository")" "$is_full_there" >/dev/null; then
    [ "$type" = ensure ] && continue
    wanted=$type
  else
    wanted=full
  fi
  echo "taking a $wanted backup into repository $repository"
  pgbackrest --stanza="$STANZA" --repo="$repository" --type="$wanted" backup || failed=1
done

[ "$failed" = 0 ] && [ "$chosen" = "$REPOSITORIES" ] && printf '%s' "$request" >"$ensured"
exit "$failed"
