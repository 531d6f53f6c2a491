#!/bin/sh
# PostgreSQL's archive_command: pgbackrest-archive-push PATH. It runs in the data directory. Its name has to contain
# "pgbackrest": pgBackRest takes no backup of a cluster whose archive_command does not (error 068).
#
# A member that lost power keeps the segment it was writing or receiving. Promoted later, on a newer timeline, it wants to
# archive that one too: under the name of the segment another member has archived, with other bytes behind the point where the
# timelines part. The archive refuses that for ever, and everything after it waits on the primary's disk. Nobody needs it: the
# newer timeline begins with a copy of that segment up to that point (PostgreSQL manual, 25.3.6).
set -eu
# shellcheck source=/dev/null
. /etc/pgha/backup.env

path=$1
file=${path##*/}

# The number of a segment since the beginning, from 64 bits of position and the segments' size.
segment_at() { echo $((((0x$1 << 32) + 0x$2) / $3)); }

# Whether this is a segment of a timeline that this server has left, at or behind the point where it did.
is_left_behind() {
  case $file in
    # a history, a backup's label, a segment that PostgreSQL itself calls partial
    *[!0-9A-F]*) return 1 ;;
  esac
  # nothing older than the newest history: the ordinary case costs no process
  newest=$(printf '%s\n' pg_wal/*.history | tail -n 1)
  newest=${newest##*/}
  [ "$newest" != '*.history' ] || return 1
  timeline=$((0x$(printf %.8s "$file")))
  [ "$timeline" -lt "$((0x${newest%.history}))" ] || return 1

  control=$(LC_ALL=C "$PG_BIN/pg_controldata" .)
  current=$(printf '%s\n' "$control" | sed -n "s/^Latest checkpoint's TimeLineID: *//p")
  size=$(printf '%s\n' "$control" | sed -n 's/^Bytes per WAL segment: *//p')
  [ "$timeline" -lt "$current" ] || return 1
  history=pg_wal/$(printf %08X "$current").history
  [ -s "$history" ] || return 1

  left=$(sed -n "s/^${timeline}[[:space:]]\{1,\}\([0-9A-F]*\/[0-9A-F]*\).*/\1/p" "$history" | tail -n 1)
  # a timeline that is none of this server's ancestors was left at its very beginning
  [ -n "$left" ] || return 0
  rest=${file#????????}
  own=$(segment_at "${rest%????????}" 0 "$size")
  own=$((own + 0x${rest#????????}))
  [ "$own" -ge "$(segment_at "${left%/*}" "${left#*/}" "$size")" ]
}

if is_left_behind; then
  echo "pgbackrest-archive-push: $file is of a timeline this server has left before its end: not archived" >&2
  exit 0
fi
exec pgbackrest --stanza="$STANZA" archive-push "$path"
