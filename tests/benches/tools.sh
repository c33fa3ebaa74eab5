#!/usr/bin/env bash
# Installs what the benches need besides Rust, where it is missing. Quick when nothing is.
#
#   wrk      asks a server as fast as it answers                                     needs apt-get and root
#   peers    Flask and the servers it runs under, into tests/.tools/peers           needs Python's pip
set -euo pipefail

FLASK=3.1.3
FLASK_SQLALCHEMY=3.1.1
SQLALCHEMY=2.1.9
GUNICORN=27.0.1
WAITRESS=3.0.2

benches="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
tools="$benches/../.tools"
mkdir -p "$tools"

fail() {
    echo "error: $1" >&2
    exit 1
}

if ! command -v wrk >/dev/null; then
    command -v apt-get >/dev/null || fail "wrk is missing: install it"
    [ "$(id -u)" = 0 ] || fail "wrk is missing: run 'apt-get install wrk' as root"
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends wrk >&2
fi

# The stamp names all versions and is written last.
peers="$tools/peers-$FLASK-$FLASK_SQLALCHEMY-$SQLALCHEMY-$GUNICORN-$WAITRESS.installed"
if [ ! -e "$peers" ]; then
    command -v python3 >/dev/null || fail "python3 is missing: install Python 3 with pip"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
        --upgrade --target "$tools/peers" "flask==$FLASK" "flask-sqlalchemy==$FLASK_SQLALCHEMY" \
        "sqlalchemy==$SQLALCHEMY" "gunicorn==$GUNICORN" "waitress==$WAITRESS" >&2
    touch "$peers"
fi
