#!/usr/bin/env bash
# A chat whose room is a topic. Ctrl-C ends it; a server that was killed is started again.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"

start_pages
start_server chat
echo "Open $(page_url chat), twice. Then: kill -9 $server"
while true; do
  wait "$server" || true
  echo "The server has ended; starting it again in three seconds."
  sleep 3
  serve
  echo "It is back. Once more: kill -9 $server"
done
