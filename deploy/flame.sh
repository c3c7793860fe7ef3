#!/bin/sh
# Records where a server under load spends its time, as a flame graph: flame.sh BINARY [FILE.svg]
#
# Needs `perf` (Debian: linux-perf) and `inferno-collapse-perf` and `inferno-flamegraph` (cargo install
# inferno), and a kernel that lets this user record its own processes (kernel.perf_event_paranoid at most 2;
# in a container also the capability CAP_PERFMON, or a seccomp profile that allows perf_event_open).
# FLAME_SECONDS, FLAME_RATE and FLAME_CONNECTIONS change the load.
set -eu

binary=$1
picture=${2:-flame.svg}
seconds=${FLAME_SECONDS:-20}
rate=${FLAME_RATE:-2000}
connections=${FLAME_CONNECTIONS:-64}
# Stacks are unwound from the debug information, since code is built without frame pointers; this much of
# each is kept.
STACK_BYTES=16384
SAMPLES_A_SECOND=199
# What took less is not drawn.
LEAST_PERCENT=0.4
START_WITHIN_S=60

fail() { echo "flame: $*" >&2; exit 1; }

[ -x "$binary" ] || fail "$binary is missing: run make build"
for tool in perf inferno-collapse-perf inferno-flamegraph; do
    command -v "$tool" >/dev/null || fail "$tool is missing: see the head of this script"
done

folder=$(mktemp -d "${TMPDIR:-/tmp}/clausum-flame.XXXXXX")
server=
# Ends what was started, and leaves nothing.
finish() {
    status=$?
    trap - EXIT INT TERM HUP
    if [ -n "$server" ] && kill -TERM "$server" 2>/dev/null; then
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$folder"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

"$binary" serve --listen 127.0.0.1:0 --data "$folder/data" >/dev/null 2>"$folder/log" &
server=$!
waited=0
until grep -q 'ready; keys' "$folder/log"; do
    kill -0 "$server" 2>/dev/null || { cat "$folder/log" >&2; fail "the server ended"; }
    [ "$waited" -lt $((START_WITHIN_S * 10)) ] || fail "the server was not ready within $START_WITHIN_S s"
    sleep 0.1
    waited=$((waited + 1))
done

echo "==> $rate requests a second for $seconds s"
"$binary" load --data "$folder/data" --rate "$rate" --connections "$connections" --duration "${seconds}s" \
    >"$folder/load" &
load=$!
perf record --quiet -e cpu-clock -F "$SAMPLES_A_SECOND" --call-graph "dwarf,$STACK_BYTES" -p "$server" -o "$folder/samples" \
    -- sleep "$seconds" || { kill "$load" 2>/dev/null || true; fail "perf may not record here: see the head of this script"; }
wait "$load" || fail "the load failed"
cat "$folder/load"

echo "==> fold the stacks"
# Without inlined frames: to resolve them takes minutes.
perf script --no-inline -i "$folder/samples" 2>/dev/null | inferno-collapse-perf >"$folder/stacks" 2>/dev/null
[ -s "$folder/stacks" ] || fail "no stack was recorded"
inferno-flamegraph --title "clausum serve, $rate requests a second" --subtitle "time on processors, by thread" \
    --countname nanoseconds --minwidth "$LEAST_PERCENT" \
    <"$folder/stacks" >"$picture"
echo "==> $picture: $(awk '{ spent += $NF } END { printf "%.1f", spent / 1e9 }' "$folder/stacks") s on processors"
