#!/bin/sh
# Rotate NGINX's logs without losing a line of the log that mtail reads: rotate-logs.sh PREFIX
#
# NGINX writes metrics.writing.log; mtail reads metrics.log, a hard link to the same file. When metrics.log is removed or
# points to another file, mtail stops reading the old file, and would miss lines that NGINX workers still write to it. So
# metrics.log is replaced last, atomically, after all workers have closed the old file. One old file per log is kept,
# NAME.1.
#
# To rotate both logs now, regardless of their size, create a file named logs/rotate.
#
# LOG_MAX_BYTES: a log is rotated when it is larger than this (default 16 MiB).
# LOG_CHECK_SECONDS: how often to check (default 5).
# LOG_GRACE_SECONDS: how long the workers get to close a file (default 2).
# LOG_MIN_SECONDS: the minimum time between two rotations (default 30). If mtail takes longer than this to read a file to
#   its end, it skips a file.
set -eu

cd "${1:?usage: rotate-logs.sh PREFIX}"
limit=${LOG_MAX_BYTES:-16777216}
check=${LOG_CHECK_SECONDS:-5}
grace=${LOG_GRACE_SECONDS:-2}
minimum=${LOG_MIN_SECONDS:-30}

# Rename a log if it is too large, or if a rotation was requested.
move_away() {
    [ -f "$1" ] || return 0
    if [ "$asked" ] || [ "$(wc -c <"$1")" -gt "$limit" ]; then
        mv -f "$1" "$2"
    fi
}

# If NGINX is running, make it reopen its logs. A stale pid file may refer to another program.
reopen_logs() {
    if read -r pid && grep -q 'nginx: master' "/proc/$pid/cmdline"; then
        kill -USR1 "$pid"
    fi
} <run/nginx.pid

# Point metrics.log to the file that NGINX is writing now.
hand_over() {
    [ ! -e logs/metrics.log ] || sleep "$grace"
    ln -f logs/metrics.writing.log logs/metrics.next.log
    mv -f logs/metrics.next.log logs/metrics.log
    sleep "$minimum"
}

mtail_has_it() {
    [ logs/metrics.writing.log -ef logs/metrics.log ]
}

# Each round depends only on the files, so the next round completes an interrupted one.
while :; do
    asked=
    if mtail_has_it; then
        [ ! -e logs/rotate ] || asked=yes
        move_away logs/metrics.writing.log logs/metrics.log.1
    fi
    move_away logs/access.log logs/access.log.1
    [ ! "$asked" ] || rm -f logs/rotate
    if [ ! -e logs/metrics.writing.log ] || [ ! -e logs/access.log ]; then
        reopen_logs 2>/dev/null || true
    fi
    if [ -e logs/metrics.writing.log ] && ! mtail_has_it; then
        hand_over
    fi
    sleep "$check"
done
