#!/usr/bin/env bash
# A chat whose room is a topic. Ctrl-C ends it.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"

start_pages
start_server chat
echo "Open $(page_url chat), twice."
keep_serving
