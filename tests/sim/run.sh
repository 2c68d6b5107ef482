#!/usr/bin/env bash
# Builds the simulator of the whole server and runs it: a seed is a server, its clients and its
# accidents, and the question whether every promise was kept.
#   tests/sim/run.sh [--seeds N] [--first SEED] [--seconds S] [--jobs J] [--twice] [--disk PART]
# Without --seeds: 2,000. For an hour of new ones: --first 100000 --seeds 1000000 --seconds 3600
set -euo pipefail
cd "$(dirname "$0")/../.."
tools/install-dependencies.sh build test
cmake --preset release -DDUOLOG_TESTS=ON >/dev/null
cmake --build --preset release --target server_sim
arguments=("$@")
[[ " $* " == *" --seeds "* ]] || arguments+=(--seeds 2000)
exec build/release/tests/server_sim "${arguments[@]}"
