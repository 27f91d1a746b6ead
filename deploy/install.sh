#!/bin/sh
# Set up .venv with pinned requirements, where it is not: deploy/install.sh [FILE]
# Says in one line what is missing; all of pip's own words are in .venv/install.log.
set -u

# What would bend Python or pip; of pip's variables all stay that a person needs to reach an index.
unset CDPATH PYTHONHOME PYTHONPATH PYTHONPLATLIBDIR PYTHONSAFEPATH PYTHONINSPECT
for name in $(env | sed -n 's/^\(PIP_[A-Z0-9_]*\)=.*/\1/p'); do
    case $name in
    PIP_INDEX_URL | PIP_EXTRA_INDEX_URL | PIP_NO_INDEX | PIP_FIND_LINKS | PIP_TRUSTED_HOST | PIP_CONFIG_FILE) ;;
    PIP_PROXY | PIP_CERT | PIP_CLIENT_CERT | PIP_KEYRING_PROVIDER | PIP_USE_FEATURE | PIP_USE_DEPRECATED) ;;
    PIP_CACHE_DIR | PIP_NO_CACHE_DIR | PIP_TIMEOUT | PIP_DEFAULT_TIMEOUT | PIP_RETRIES) ;;
    PIP_ONLY_BINARY | PIP_NO_BINARY | PIP_PREFER_BINARY) ;;
    *) unset "$name" ;;
    esac
done

case $(uname -s) in
MINGW* | MSYS* | CYGWIN*)
    echo "mailroom: Windows lacks what Mailroom is built on: start it in WSL (wsl --install), as on Linux" >&2
    exit 1
    ;;
esac

cd -- "$(dirname -- "$0")/.." || exit 1
file=${1:-requirements.txt}
log=.venv/install.log

fail() {
    echo "mailroom: $*" >&2
    exit 1
}

is_new_enough() {
    "$1" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for name in ${PYTHON3:-} python3 python3.13 python3.12 python3.11 python; do
        if is_new_enough "$name"; then
            echo "$name"
            return
        fi
    done
}

# 0, or why: see deploy/installed.py. A Python that was removed says nothing.
ask() {
    why=$(.venv/bin/python -I deploy/installed.py "$file" 2>/dev/null)
}

# The programs of .venv name its Python by its path, in one of two forms.
is_moved() {
    for path in "$(pwd -P)/.venv" "$(cd .venv && pwd -P)"; do
        grep -qsF -e "#!$path/bin/" -e "'exec' $path/bin/" -e "'exec' \"$path/bin/" .venv/bin/pip && return 1
    done
    [ -f .venv/bin/pip ]
}

ask
asked=$?
if [ $asked -eq 0 ] && is_new_enough .venv/bin/python; then
    if is_moved; then
        echo "Mending .venv, which was moved here." >&2
        .venv/bin/python -I -m venv --without-pip .venv && .venv/bin/python -I deploy/installed.py --scripts ||
            fail "the programs in .venv name another folder, and cannot be written: remove .venv, and start again"
    fi
    exit 0
fi

if [ $asked -eq 2 ] || ! .venv/bin/python -I -m pip --version >/dev/null 2>&1 || ! is_new_enough .venv/bin/python; then
    python=$(find_python)
    [ -n "$python" ] || fail "Python 3.11 or newer is needed, and none was found (found: $(python3 --version 2>&1))"
    [ -z "$why" ] || echo "Making .venv anew: $why" >&2
    echo "Setting up .venv ($("$python" --version)); the first time takes a minute." >&2
    words=$("$python" -I -m venv --clear .venv 2>&1) ||
        fail "$python cannot make a virtual environment (Debian and Ubuntu: apt-get install python3-venv)" \
            "$(echo "$words" | tail -n 1)"
fi

# Where to, said in full: a configuration file of pip's may name a user's folder, a target, a prefix, a root.
if ! .venv/bin/python -I -m pip install --disable-pip-version-check --no-input --retries 2 \
    --no-user --target '' --prefix "$(pwd -P)/.venv" --root / -r "$file" >"$log" 2>&1; then
    if grep -qE 'NewConnectionError|NameResolutionError|Temporary failure in name|Name or service not known|ConnectTimeout|Connection refused|unreachable|ProxyError|ConnectionResetError|Read timed out' "$log"; then
        fail "no network: the packages of $file could not be downloaded; connect and try again (pip's words: $log)"
    fi
    fail "pip could not install $file: $(grep -E '^ERROR' "$log" | tail -n 1) (pip's words: $log)"
fi
ask || fail "pip ended well, and ${why:-Python} in .venv: look at pip config list (pip's words: $log)"
