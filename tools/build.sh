#!/usr/bin/env bash
# Installs what is missing and builds the program, build/release/duolog.
#   tools/build.sh
# A fresh build tree is without tests and benchmarks, so that it needs no more than the program
# does; tools/test.sh adds them to the same tree, and there they stay.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
"$root/tools/install-dependencies.sh" build
fresh=()
[ -e "$root/build/release/build.ninja" ] || fresh=(-DDUOLOG_TESTS=OFF -DDUOLOG_BENCH=OFF)
cmake -S "$root" --preset release "${fresh[@]}" >/dev/null
cmake --build "$root/build/release" --target duolog
