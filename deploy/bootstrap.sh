#!/bin/sh
# Makes the Python environment from uv.lock. Needs Python >= 3.11 with venv or pip; uv is fetched if it is not there.
#   bootstrap.sh base           where environment and state belong: the checkout, or a cache folder if it is read-only
#   bootstrap.sh install run    what `make run` needs          (nothing to do: a few milliseconds)
#   bootstrap.sh install dev    what tests and checks need too
set -eu

UV_VERSION=0.13.9
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

fail() {
    echo "chiso: $*" >&2
    exit 1
}

base() {
    if [ -w "$root" ]; then
        echo "$root"
    else
        echo "${XDG_CACHE_HOME:-${HOME:?}/.cache}/chiso/checkout-$(printf %s "$root" | cksum | cut -d ' ' -f 1)"
    fi
}

find_python() {
    # The interpreter of an environment that works is kept: another path would make uv build it anew.
    for candidate in ${PYTHON:-} "$1/bin/python" python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    fail "Python 3.11 or newer is needed and there is none on the PATH (PYTHON=/path/to/python names another one)."
}

# A uv of the PATH is taken if it can read our lock file.
find_uv() {
    python=$1 tools=$2
    for candidate in "$(command -v uv || true)" "$tools/bin/uv" "$tools/target/bin/uv"; do
        if [ -n "$candidate" ] && [ -x "$candidate" ] &&
            "$candidate" --version | "$python" -c '
import re, sys
version = re.search(r"(\d+)\.(\d+)", sys.stdin.read())
sys.exit(not version or tuple(map(int, version.groups())) < (0, 9))'; then
            echo "$candidate"
            return
        fi
    done
    echo "chiso: fetching uv …" >&2
    rm -rf "$tools"
    if "$python" -m venv "$tools" >/dev/null 2>&1; then
        "$tools/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION" >&2 ||
            fail "uv could not be fetched from the Python package index; check the network."
        echo "$tools/bin/uv"
    elif "$python" -m pip --version >/dev/null 2>&1; then
        "$python" -m pip install --quiet --disable-pip-version-check --target "$tools/target" "uv==$UV_VERSION" >&2 ||
            fail "uv could not be fetched from the Python package index; check the network."
        echo "$tools/target/bin/uv"
    else
        fail "$python has neither venv nor pip; install them (on Debian and Ubuntu: apt-get install python3-venv)."
    fi
}

install() {
    what=$1
    folder=$(base)
    environment=$folder/.venv
    wanted=$(cat "$root/uv.lock" "$root"/pyproject.toml "$root"/*/pyproject.toml "$root"/*/*/pyproject.toml | cksum)
    for stamp in "$environment/.installed-$what" "$environment/.installed-dev"; do
        if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && "$environment/bin/python" -c '' 2>/dev/null; then
            return
        fi
    done
    python=$(find_python "$environment")
    mkdir -p "$folder"
    uv=$(find_uv "$python" "$folder/.venv-tools")
    echo "chiso: installing the packages of uv.lock …" >&2
    groups=--no-dev
    [ "$what" = dev ] && groups='--group dev'
    # shellcheck disable=SC2086
    UV_PROJECT_ENVIRONMENT=$environment UV_PYTHON=$python UV_PYTHON_DOWNLOADS=never \
        "$uv" sync --project "$root" --frozen --inexact $groups ||
        fail "the packages could not be installed; check the network and the free disk space, then run make again."
    echo "$wanted" >"$environment/.installed-$what"
}

case ${1:-} in
base) base ;;
install) install "${2:-run}" ;;
*) fail "usage: bootstrap.sh base | install run | install dev" ;;
esac
