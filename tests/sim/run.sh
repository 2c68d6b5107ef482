#!/usr/bin/env bash
# Builds the simulators and runs them: a seed is a server (or storage alone), its clients and its
# accidents, and the question whether every promise was kept.
#   tests/sim/run.sh [--seeds N] [--storage-seeds N] [--first SEED] [--seconds S] [--jobs J] [--twice]
#                    [--disk PART]
# Without --seeds: 2,000; of storage alone: 5,000, from --first on, in two processes beside the others,
# and none with --seeds 1. For an hour of new ones: --first 100000 --seeds 1000000 --seconds 3600
set -euo pipefail
cd "$(dirname "$0")/../.."
arguments=()
seeds=2000
storage_seeds=5000
first=1
while [ $# -gt 0 ]; do
  case $1 in
  --storage-seeds) storage_seeds=$2 && shift 2 && continue ;;
  --seeds) seeds=$2 ;;
  --first) first=$2 ;;
  esac
  arguments+=("$1")
  shift
done
[[ " ${arguments[*]-} " == *" --seeds "* ]] || arguments+=(--seeds "$seeds")
[ "$seeds" != 1 ] || storage_seeds=0
tools/install-dependencies.sh build test
cmake --preset release -DDUOLOG_TESTS=ON >/dev/null
cmake --build --preset release --target server_sim sim_test

run_storage() {
  SIM_FIRST=$1 SIM_SEEDS=$2 build/release/tests/sim_test --gtest_brief=1 \
    --gtest_filter='StorageSeedTest.*'
}
half=$((storage_seeds / 2))
storage=()
if [ "$storage_seeds" -gt 0 ]; then
  run_storage "$first" "$half" & storage+=($!)
  run_storage $((first + half)) $((storage_seeds - half)) & storage+=($!)
fi
status=0
build/release/tests/server_sim "${arguments[@]}" || status=$?
for process in ${storage[@]+"${storage[@]}"}; do wait "$process" || status=1; done
exit "$status"
