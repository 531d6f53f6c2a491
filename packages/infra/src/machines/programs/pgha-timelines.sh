# shellcheck shell=sh
# Where a timeline was left, as the histories beside the WAL tell it. For programs that run in the data directory.

# Whether a file of WAL is a segment: not a history, a backup's label, or one that PostgreSQL itself calls partial.
is_segment() {
  case $1 in *[!0-9A-F]*) return 1 ;; esac
}

# The newest timeline with a history in pg_wal, as a number; 1 without any.
newest_timeline() {
  newest=$(printf '%s\n' pg_wal/*.history | tail -n 1)
  newest=${newest##*/}
  if [ "$newest" = '*.history' ]; then echo 1; else echo "$((0x${newest%.history}))"; fi
}

# One line of pg_controldata.
control_value() { LC_ALL=C "$PG_BIN/pg_controldata" . | sed -n "s/^$1: *//p"; }

# The number of a segment since the beginning, from 64 bits of position and the segments' size.
segment_at() { echo $((((0x$1 << 32) + 0x$2) / $3)); }

# is_left SEGMENT TIMELINE: whether the segment is of another timeline, which that one has left, at or behind the point where it did.
is_left() {
  own_timeline=$((0x$(printf %.8s "$1")))
  [ "$own_timeline" -lt "$2" ] || return 1
  history=pg_wal/$(printf %08X "$2").history
  [ -s "$history" ] || return 1
  left=$(sed -n "s/^${own_timeline}[[:space:]]\{1,\}\([0-9A-F]*\/[0-9A-F]*\).*/\1/p" "$history" | tail -n 1)
  # a timeline that is none of its ancestors was left at its very beginning
  [ -n "$left" ] || return 0
  size=$(control_value 'Bytes per WAL segment')
  rest=${1#????????}
  own=$(segment_at "${rest%????????}" 0 "$size")
  own=$((own + 0x${rest#????????}))
  [ "$own" -ge "$(segment_at "${left%/*}" "${left#*/}" "$size")" ]
}
