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
# shellcheck source=/dev/null
. /usr/local/lib/pgha/timelines.sh

path=$1
file=${path##*/}

# Whether this is a segment of a timeline that this server has left, at or behind the point where it did.
is_left_behind() {
  is_segment "$file" || return 1
  # nothing older than the newest history: the ordinary case costs no process
  [ "$((0x$(printf %.8s "$file")))" -lt "$(newest_timeline)" ] || return 1
  is_left "$file" "$(control_value "Latest checkpoint's TimeLineID")"
}

if is_left_behind; then
  echo "pgbackrest-archive-push: $file is on a timeline that this server left before the end of the segment: not archived" >&2
  exit 0
fi
exec pgbackrest --stanza="$STANZA" archive-push "$path"
