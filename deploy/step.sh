#!/bin/sh
# Runs one step of the build and says how long it took: step.sh NAME COMMAND [ARGUMENT…]
set -u

name=$1
shift
echo "==> $name"
begun=$(date +%s)
"$@"
status=$?
took=$(($(date +%s) - begun))
if [ "$status" -eq 0 ]; then
    echo "==> $name: done in ${took} s"
else
    echo "==> $name: FAILED after ${took} s (exit $status): $*" >&2
fi
exit "$status"
