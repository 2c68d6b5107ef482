#!/usr/bin/env bash
# Quotes, written by a Kafka producer, in a live table in the browser. Ctrl-C ends it.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"

start_pages
start_server quotes
echo "Open $(page_url market-data)"
python3 -u "$root/tools/examples/market-data/quotes.py" |
  "$duolog" produce quotes --key-separator ' ' --quiet --timeout 60 -b "$kafka" &
keep_serving
