#!/bin/sh
# Starts Clausum with seeded traffic in a fresh folder and shows its decisions: demo.sh BINARY
#
# Ctrl-C stops it; DEMO_SECONDS=N stops it after N seconds. The folder is kept, so that its log and state
# can be looked into afterwards.
set -eu

binary=$1
seconds=${DEMO_SECONDS:-0}
case $seconds in
    *[!0-9]*) echo "demo: DEMO_SECONDS must be a whole number, not '$seconds'" >&2; exit 2 ;;
esac
[ -x "$binary" ] || { echo "demo: $binary is missing: run make build" >&2; exit 1; }

START_WITHIN_S=60
# The server drains for up to 10 s.
STOP_WITHIN_S=15

folder=$(mktemp -d "${TMPDIR:-/tmp}/clausum-demo.XXXXXX")
data=$folder/data
answer=$folder/bootstrap
decisions=$folder/decisions
mkdir "$data"
server=
viewer=

alive() { [ -n "$1" ] && kill -0 "$1" 2>/dev/null; }

# Stops the server, then the viewer once it has shown the last lines; ends with STATUS or what went wrong.
stop() {
    status=$1
    trap '' INT TERM HUP
    if alive "$server"; then
        kill -TERM "$server"
        waited=0
        while alive "$server" && [ "$waited" -lt $((STOP_WITHIN_S * 10)) ]; do
            sleep 0.1
            waited=$((waited + 1))
        done
        if alive "$server"; then
            echo "demo: the server did not stop within ${STOP_WITHIN_S} s and was killed" >&2
            kill -KILL "$server"
            status=1
        fi
    fi
    ended=0
    [ -z "$server" ] || wait "$server" 2>/dev/null || ended=$?
    if [ "$status" -eq 0 ] && [ "$ended" -ne 0 ]; then
        echo "demo: the server ended with exit code $ended" >&2
        status=1
    fi
    if alive "$viewer"; then
        sleep 0.2
        kill "$viewer" 2>/dev/null || true
        wait "$viewer" 2>/dev/null || true
    fi
    echo
    echo "Stopped. Its log and state are in $folder; remove it when you are done."
    exit "$status"
}

trap 'stop 0' INT TERM HUP

# curl's exit code 7 is "connection refused": nobody listens there.
port=8080
taken=0
curl --silent --output /dev/null --max-time 1 "http://127.0.0.1:$port/" || taken=$?
if [ "$taken" -ne 7 ]; then
    echo "Port $port is taken; the server will pick a free one."
    port=0
fi

# A session of its own, so that Ctrl-C reaches this script alone and the server is told to stop once.
detached=
command -v setsid >/dev/null 2>&1 && detached=setsid
: >"$answer"
: >"$decisions"
$detached "$binary" serve --demo --listen "127.0.0.1:$port" --data "$data" \
    >"$answer" 2>"$decisions" </dev/null &
server=$!

echo "Starting in $data"
waited=0
while [ "$(wc -l <"$answer")" -eq 0 ]; do
    if ! alive "$server"; then
        echo "demo: the server ended before it was ready; it said:" >&2
        tail -n 40 "$decisions" >&2
        stop 1
    fi
    if [ "$waited" -ge $((START_WITHIN_S * 10)) ]; then
        echo "demo: the server was not ready within ${START_WITHIN_S} s; it said:" >&2
        tail -n 40 "$decisions" >&2
        stop 1
    fi
    sleep 0.1
    waited=$((waited + 1))
done

member() { sed -n "1s/.*\"$1\"[[:space:]]*:[[:space:]]*\"\\([^\"]*\\)\".*/\\1/p" "$answer"; }
url=$(member base_url)
key=$(member server)
if [ -z "$url" ] || [ -z "$key" ]; then
    echo "demo: the bootstrap line names no base_url or no server key:" >&2
    cat "$answer" >&2
    stop 1
fi

cat <<END

Clausum is deciding at $url

Ask it yourself, in another terminal:

  curl -s $url/api/v1/assess \\
    -H 'Authorization: Bearer $key' \\
    -H 'Content-Type: application/json' \\
    -d '{"amount":250000,"currency":"MXN","order_id":"ORD-1","email":"ana@example.com",
         "device":{"ip":"203.0.113.7"},"payment_method":{"type":"card","card_bin":"411111"}}'

Repeat it with other order ids and watch the velocity signals rise.

  $url/api/v1/health   is it well
  $url/metrics         what Prometheus sees
  $data/bootstrap.json   all keys

Decisions as they are made (Ctrl-C stops):

END

tail -n +1 -f "$decisions" &
viewer=$!

elapsed=0
while alive "$server"; do
    if [ "$seconds" -gt 0 ] && [ "$elapsed" -ge "$seconds" ]; then
        stop 0
    fi
    sleep 1
    elapsed=$((elapsed + 1))
done
echo "demo: the server ended by itself" >&2
stop 1
