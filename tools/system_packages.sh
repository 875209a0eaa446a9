#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Make sure the commands that pip cannot bring exist; install them with apt-get when we may.
# usage: tools/system_packages.sh [PYTHON]
set -euo pipefail
python=${1:-python3}
missing=()

need() { # command package
    command -v "$1" >/dev/null 2>&1 || missing+=("$2")
}

need g++ g++
need make make
# A bare Debian has a perl command without the modules that Verilator's launcher loads.
perl -MFindBin -MPod::Usage -e 1 2>/dev/null || missing+=(perl)
need iverilog iverilog
if ! command -v "$python" >/dev/null 2>&1; then
    missing+=(python3 python3-venv libpython3-dev)
else
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        echo "setup: $("$python" --version 2>&1) is too old, expected 3.11 or newer;" \
             "choose another with: make setup PYTHON=/path/to/python3" >&2
        exit 1
    fi
    "$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
    # cocotb loads the interpreter into the simulator, so the shared library must exist.
    "$python" - <<'PY' || missing+=(libpython3-dev)
import ctypes, os, sys, sysconfig
name = sysconfig.get_config_var("INSTSONAME") or ""
folder = sysconfig.get_config_var("LIBDIR") or ""
for candidate in (name, os.path.join(folder, name)):
    try:
        ctypes.CDLL(candidate)
        sys.exit(0)
    except OSError:
        pass
sys.exit(1)
PY
fi

[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "setup: installing system packages: ${missing[*]}" >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq </dev/null
    apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >/dev/null
else
    echo "setup: system packages are missing: ${missing[*]}" >&2
    echo "setup: install them and repeat, for example: sudo apt-get install ${missing[*]}" >&2
    exit 1
fi
