#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Create the environment if it is missing and install extras into it.
# usage: tools/setup.sh VENV PYTHON EXTRAS        (normally through `make setup`)
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$1 python=$2 extras=$3

tools/system_packages.sh "$python"
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
pip=("$venv/bin/python" -m pip --disable-pip-version-check install -qq)
pip+=(--progress-bar off --no-warn-conflicts)

if [[ ",$extras," == *,train,* ]]; then
    # torch first and by itself: a resolver run over everything may otherwise fetch a second,
    # much larger build of it to compare.
    echo "setup: torch (a large download the first time)" >&2
    "${pip[@]}" -c constraints.txt torch==2.13.0
fi
echo "setup: spikesim[$extras]" >&2
"${pip[@]}" -c constraints.txt -e ".[$extras]"
if [[ ",$extras," == *,interop,* ]]; then
    echo "setup: the frameworks that tests compare with" >&2
    "${pip[@]}" -c constraints.txt --no-deps -r tools/frameworks.txt
fi
echo "setup: done, environment in $venv" >&2
