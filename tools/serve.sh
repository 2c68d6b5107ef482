#!/usr/bin/env bash
# Installs what is missing, builds Duolog and runs a server on ./duolog-data.
#   tools/serve.sh [OPTION...]     the options of `duolog serve`
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
"$root/tools/install-dependencies.sh" build
cmake -S "$root" -B "$root/build/serve" -G Ninja -DCMAKE_BUILD_TYPE=Release -DDUOLOG_TESTS=OFF \
  -DDUOLOG_BENCH=OFF >/dev/null
cmake --build "$root/build/serve" --target duolog
exec "$root/build/serve/duolog" serve "$@"
