#!/bin/sh
# Kills, stops, cuts off and fills up brokers and workers at random, and holds every decision to what it must be:
# chaos.sh BINARY
#
# deploy/chaos/ does it, in a Python environment outside the tree that is made on first use (CLAUSUM_CHAOS_VENV
# moves it), because it watches through a Kafka client that is not ours. CHAOS_SECONDS, CHAOS_SEED, CHAOS_BROKERS,
# CHAOS_RATE and CHAOS_FOLDER: see deploy/chaos/__main__.py. Exits 77 where it cannot run at all.
set -eu

[ $# -eq 1 ] || {
    echo "usage: chaos.sh BINARY" >&2
    exit 2
}
here=$(cd "$(dirname "$0")" && pwd)
wanted=$here/chaos/requirements.txt
venv=${CLAUSUM_CHAOS_VENV:-$HOME/.cache/clausum/chaos}
command -v python3 >/dev/null 2>&1 || {
    echo "chaos: there is no python3" >&2
    exit 77
}
if ! cmp -s "$wanted" "$venv/installed"; then
    echo "chaos: installing a Kafka client into $venv" >&2
    python3 -m venv "$venv" >&2 || {
        echo "chaos: python3 makes no environments here (on Debian: apt-get install python3-venv)" >&2
        exit 77
    }
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$wanted" >&2 || exit 77
    cp "$wanted" "$venv/installed"
fi
export PYTHONDONTWRITEBYTECODE=1
exec "$venv/bin/python" "$here/chaos" "$1"
