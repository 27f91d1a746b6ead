#!/bin/sh
# Install pinned requirements into .venv, making it first: deploy/install.sh FILE [STAMP]
# Says in one line what is missing; all of pip's own words are in .venv/install.log.
set -u
cd "$(dirname "$0")/.." || exit 1

file=${1:-requirements.txt}
stamp=${2:-.venv/.installed}
log=.venv/install.log

fail() {
    echo "mailroom: $*" >&2
    exit 1
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for name in ${PYTHON3:-} python3 python3.13 python3.12 python3.11 python; do
        if is_new_enough "$name"; then
            echo "$name"
            return
        fi
    done
}

if ! .venv/bin/python -m pip --version >/dev/null 2>&1 || ! is_new_enough .venv/bin/python; then
    python=$(find_python)
    [ -n "$python" ] || fail "Python 3.11 or newer is needed, and none was found (found: $(python3 --version 2>&1))"
    echo "Setting up .venv ($("$python" --version)); the first time takes a minute." >&2
    words=$("$python" -m venv --clear .venv 2>&1) ||
        fail "$python cannot make a virtual environment (Debian and Ubuntu: apt-get install python3-venv)" \
            "$(echo "$words" | tail -n 1)"
fi

rm -f "$stamp"
if ! .venv/bin/python -m pip install --disable-pip-version-check --no-input --retries 2 \
    -r "$file" >"$log" 2>&1; then
    if grep -qE 'NewConnectionError|NameResolutionError|Temporary failure in name|Name or service not known|ConnectTimeout|Connection refused|unreachable|ProxyError|ConnectionResetError|Read timed out' "$log"; then
        fail "no network: the packages of $file could not be downloaded; connect and try again (pip's words: $log)"
    fi
    fail "pip could not install $file: $(grep -E '^ERROR' "$log" | tail -n 1) (pip's words: $log)"
fi
touch "$stamp"
