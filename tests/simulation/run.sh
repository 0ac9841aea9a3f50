#!/bin/sh
# Runs histories with several processes beside each other, each with seeds of its own; make simulate.
#
#     run.sh PROGRAM SECONDS JOBS [SEED]
set -u
program=$1 seconds=$2 jobs=$3 seed=${4:-$(date +%s)000000}
apart=1000000000000 # more than a process can run
pids=
status=0

while [ "$jobs" -gt 0 ]; do
    "$program" --seed "$seed" --seconds "$seconds" &
    pids="$pids $!"
    seed=$((seed + apart))
    jobs=$((jobs - 1))
done
for pid in $pids; do
    wait "$pid" || status=1
done
exit $status
