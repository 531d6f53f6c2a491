#!/bin/sh
# pgha-backup full|diff|incr|ensure[-REPOSITORY]: on the primary, one backup into every repository, or into the one named.
# "ensure" takes a full one where there is none; a full backup of before the promotion of this region is none. It also takes what a
# timer began and a failover cut off, or what was not taken for any other reason. Everywhere else it does nothing, so that the timers
# can stand on every machine and follow a failover by themselves.
set -eu
# shellcheck source=/dev/null
. /etc/pgha/backup.env

type=${1%%-*}
chosen=$REPOSITORIES
case $1 in *-*) chosen=${1#*-} ;; esac
ensured=/run/pgbackrest/ensured
# when what was missed was last tried: a backup that fails each time must not keep the primary busy
tried=/run/pgbackrest/tried

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

# The type of the backup that should have begun by now and did not, by the times of the timers, which have a quarter of an hour to
# begin; nothing: none. PLAN is the weekday of full backups (0: Monday), the minute of the day, and the hours between two backups.
# shellcheck disable=SC2016
missed='
  ($plan | split(" ") | map(tonumber)) as [$weekday, $minute, $hours]
  | ($now - 900) as $until
  | ((($until - $minute * 60) / 86400 | floor) * 86400 + $minute * 60) as $daily
  | (((($daily - $minute * 60) / 86400 + 3) % 7 - $weekday + 7) % 7) as $days
  | ($daily - $days * 86400) as $full
  | ($daily + (($until - $daily) / ($hours * 3600) | floor) * $hours * 3600) as $latest
  | [.[].backup[]? | {type, at: (.timestamp.start // $now)}] as $taken
  | def newest($types): [$taken[] | select(.type as $type | $types | any(. == $type)) | .at] | max // 0;
    if newest(["full"]) < $full then "full"
    elif newest(["full", "diff"]) < $daily then "diff"
    elif newest(["full", "diff", "incr"]) < $latest then "incr"
    else empty end'

# What a repository misses: the type.
missed_in() {
  [ -z "${PLAN:-}" ] || [ "$type" != ensure ] || [ "$has_tried" = yes ] ||
    printf '%s' "$1" | jq --raw-output --arg plan "$PLAN" --argjson now "$(date +%s)" "$missed"
}

ask_patroni primary >/dev/null || exit 0
request=$(read_request)
# what was ensured a moment ago does not answer a new request
if [ "$type" = ensure ] && [ -n "$(find "$ensured" -mmin -30 2>/dev/null)" ] && [ "$(cat "$ensured")" = "$request" ]; then
  exit 0
fi

has_tried=no
[ -z "$(find "$tried" -mmin -20 2>/dev/null)" ] || has_tried=yes

failed=0
# Makes what is missing and checks the rest; a repository that is away must not keep the other one from being served.
ask_soon stanza-create || [ "$chosen" != "$REPOSITORIES" ] || failed=1

for repository in $chosen; do
  if ! info=$(ask_soon --repo="$repository" --output=json info); then
    echo "the contents of repository $repository could not be read" >&2
    failed=1
    continue
  fi
  if printf '%s' "$info" | jq --exit-status --arg oldest "$(oldest_timeline "$repository")" "$is_full_there" >/dev/null; then
    wanted=$type
    if [ "$type" = ensure ]; then
      wanted=$(missed_in "$info")
      [ -n "$wanted" ] || continue
      touch "$tried"
      echo "repository $repository has no $wanted backup, which was due" >&2
    fi
  else
    wanted=full
  fi
  echo "taking a $wanted backup into repository $repository"
  pgbackrest --stanza="$STANZA" --repo="$repository" --type="$wanted" backup || failed=1
done

[ "$failed" = 0 ] && [ "$chosen" = "$REPOSITORIES" ] && printf '%s' "$request" >"$ensured"
exit "$failed"
