#!/usr/bin/env bash
# Installs what is missing, builds Duolog and runs a server on ./duolog-data.
#   tools/serve.sh [OPTION...]     the options of `duolog serve`
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
"$root/tools/build.sh"
exec "$root/build/release/duolog" serve "$@"
