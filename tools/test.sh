#!/usr/bin/env bash
# Installs what is missing, builds Duolog with its tests and runs them.
#   tools/test.sh [-p PRESET] [-t "PROGRAM ..."] [CTEST OPTION...]
# PRESET: release (default), debug, asan, tsan. With -t only those test programs are built and run.
set -euo pipefail
preset=release
programs=
while [[ ${1:-} == -[pt] ]]; do
  value=${2:?tools/test.sh: $1 needs a value}
  if [ "$1" = -p ]; then preset=$value; else programs=$value; fi
  shift 2
done
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
tools/install-dependencies.sh build test
cmake --preset "$preset" -DDUOLOG_TESTS=ON -DDUOLOG_BENCH=ON >/dev/null
if [ -n "$programs" ]; then
  # shellcheck disable=SC2086  # one word each
  cmake --build --preset "$preset" --target $programs
  ctest --preset "$preset" -L "^(${programs// /|})\$" "$@"
else
  cmake --build --preset "$preset"
  ctest --preset "$preset" "$@"
fi
