#!/bin/sh
# Serves an S3-compatible object store on loopback, for tests: s3.sh PORT
#
# It is moto (https://docs.getmoto.org), in a Python environment outside the tree that is made on first use
# (CLAUSUM_S3_VENV moves it). It keeps everything in memory, takes any credentials, and is not for production.
# Exits 77 where there is no Python, or where moto cannot be installed.
set -eu

[ $# -eq 1 ] || {
    echo "usage: s3.sh PORT" >&2
    exit 2
}
venv=${CLAUSUM_S3_VENV:-$HOME/.cache/clausum/s3}
command -v python3 >/dev/null 2>&1 || {
    echo "s3: there is no python3" >&2
    exit 77
}
if [ ! -x "$venv/bin/moto_server" ]; then
    echo "s3: installing moto into $venv" >&2
    python3 -m venv "$venv" >&2 || exit 77
    "$venv/bin/pip" install --quiet --disable-pip-version-check 'moto[server]==5.2.*' >&2 || exit 77
fi
# Of two conditional puts at once moto may let both through: it looks, and then it puts. Here each has its turn.
exec "$venv/bin/python" - "$1" <<'END'
import sys
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

moto, turn = DomainDispatcherApplication(create_backend_app), threading.Lock()


def serve(environ, start_response):
    with turn:
        return moto(environ, start_response)


run_simple("127.0.0.1", int(sys.argv[1]), serve, threaded=True)
END
