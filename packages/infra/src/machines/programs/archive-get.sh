#!/bin/sh
# PostgreSQL's restore_command: archive-get FILE PATH [REPOSITORY DATA]. Exit codes decide (PostgreSQL manual, 25.3.5): up to 125
# says that there is no such file, which ends a recovery; above 125 aborts it. A restore names its repository and the directory
# it is made in.
set -u
# shellcheck source=/dev/null
. /etc/pgha/backup.env
# shellcheck source=/dev/null
. /usr/local/lib/pgha/timelines.sh

state=/run/pgbackrest/archive-get
newer_than() { [ -n "$(find "$1" -newermt "-$2 seconds" 2>/dev/null)" ]; }

# Whether a standby should first look into its pg_wal and ask its primary, which have nearly always what it wants: a restart
# asks for everything since the last restart point, and clients wait for a standby to follow a new primary. Not satisfied
# within three seconds, it gets it from the archive.
try_elsewhere_first() {
  case $1 in
    # a timeline that the archive knows must never be chosen again
    *.history) return 1 ;;
  esac
  # the second region may be promoted with what only the archive has
  if grep -q '"standby_cluster"' patroni.dynamic.json 2>/dev/null; then return 1; fi
  # the archive is what it catches up from
  if newer_than "$state/served" 10; then return 1; fi
  mkdir -p "$state/asked"
  find "$state/asked" -type f -mmin +10 -delete
  if [ ! -e "$state/asked/$1" ]; then
    touch "$state/asked/$1"
    return 0
  fi
  newer_than "$state/asked/$1" 3
}

# The nearest repository first: the other region may be the one that is lost; former generations last, for what is older. A standby
# asks again for ever, so any failure may be "not there", but it must be a quick one: a region that starts while S3 is away asks
# for a handful of files before it serves, and pgBackRest alone tries for a minute each time.
get_for_standby() {
  mkdir -p "$state"
  # a segment has megabytes, a history a line
  case $1 in *.history) patience=4 ;; *) patience=10 ;; esac
  for repository in $REPOSITORIES $OTHER_REPOSITORIES; do
    if newer_than "$state/unreachable-$repository" 30; then continue; fi
    timeout --kill-after=1 "$patience" pgbackrest --stanza="$STANZA" --repo="$repository" archive-get "$1" "$2"
    case $? in
      0) touch "$state/served" && return 0 ;;
      # every repository gets a timeline's history at the same time, and a promotion waits for this answer
      1) case $1 in *.history) return 1 ;; esac ;;
      *) touch "$state/unreachable-$repository" ;;
    esac
  done
  return 1
}

# Where somebody restores, a recovery must not end because a repository is away: only pgBackRest itself may say that there is
# no such file.
get_or_abort() {
  pgbackrest --stanza="$STANZA" "$@"
  case $? in
    0) exit 0 ;;
    1) exit 1 ;;
    *) exit 255 ;;
  esac
}

if [ $# -gt 2 ]; then
  if [ "$1" = 00000001.history ]; then exit 1; fi
  get_or_abort --repo="$3" --pg1-path="$4" archive-get "$1" "$2"
fi

# The first timeline has no history. One that lies beside the WAL came from the primary itself, and PostgreSQL takes it from
# there: neither a standby that follows a new primary nor a promotion may wait for S3 to hear the same.
case $1 in
  00000001.history) exit 1 ;;
  *.history) if [ -s "pg_wal/$1" ]; then exit 1; fi ;;
esac

# A former primary archives the segment it was writing before it is rewound, whole, although the timeline of its successor has
# begun inside it. Until that one's copy has arrived, a standby would be given what nobody else has, and could never follow again.
is_misleading() { is_segment "$1" && is_left "$1" "$(newest_timeline)"; }

if [ -e standby.signal ]; then
  if is_misleading "$1"; then exit 1; fi
  if try_elsewhere_first "$1"; then exit 1; fi
  get_for_standby "$1" "$2"
  exit $?
fi

# everything else ends its recovery when told that there are no more files
get_or_abort archive-get "$1" "$2"
