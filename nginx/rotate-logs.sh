#!/bin/sh
# Keep NGINX's logs small, and lose no line of the one that mtail reads: rotate-logs.sh PREFIX
#
# NGINX writes metrics.writing.log; mtail reads metrics.log, a second name (hard link) of the same file. mtail leaves a
# file when its name is gone or another's, and would miss what a worker of NGINX still writes there. So that name moves
# last, when all workers have let go of the old file, and in one step. Each log has one older file, NAME.1.
#
# A file named logs/rotate has both rotated now, whatever their size.
#
# LOG_MAX_BYTES: a log is rotated when it is larger (default 16 MiB).
# LOG_CHECK_SECONDS: how often to look (default 5).
# LOG_GRACE_SECONDS: how long the workers have to let go of a file (default 2).
# LOG_MIN_SECONDS: how long mtail has to read a file to its end before the next rotation (default 30). When it is slower
#   than that, it skips a file.
set -eu

cd "${1:?give the prefix of NGINX}"
limit=${LOG_MAX_BYTES:-16777216}
check=${LOG_CHECK_SECONDS:-5}
grace=${LOG_GRACE_SECONDS:-2}
minimum=${LOG_MIN_SECONDS:-30}

# Move a log out of NGINX's way when it is too large, or when that was asked for.
move_away() {
    [ -f "$1" ] || return 0
    if [ "$asked" ] || [ "$(wc -c <"$1")" -gt "$limit" ]; then
        mv -f "$1" "$2"
    fi
}

# Make NGINX open its logs anew, if it is there: a pid file that it left behind may name another program.
reopen_logs() {
    if read -r pid && grep -q 'nginx: master' "/proc/$pid/cmdline"; then
        kill -USR1 "$pid"
    fi
} <run/nginx.pid

# Give mtail's name to the file that NGINX writes now.
hand_over() {
    [ ! -e logs/metrics.log ] || sleep "$grace"
    ln -f logs/metrics.writing.log logs/metrics.next.log
    mv -f logs/metrics.next.log logs/metrics.log
    sleep "$minimum"
}

mtail_has_it() {
    [ logs/metrics.writing.log -ef logs/metrics.log ]
}

# Each round looks at the files alone, so a round that was cut short is finished by the next.
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
