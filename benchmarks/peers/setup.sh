#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Create the environment of the simulators we compare with.
# usage: benchmarks/peers/setup.sh VENV PYTHON        (normally through `make setup-peers`)
set -euo pipefail
cd "$(dirname "$0")"
venv=$1 python=$2

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
pip=("$venv/bin/python" -m pip --disable-pip-version-check install -qq --progress-bar off)
echo "setup-peers: torch (a large download the first time)" >&2
"${pip[@]}" torch==2.13.0
echo "setup-peers: NEST, Brian2, BindsNET" >&2
"${pip[@]}" -r requirements.txt
"${pip[@]}" --no-deps -r requirements-alone.txt
echo "setup-peers: done, environment in $venv" >&2
