# shellcheck shell=bash
# What the examples have in common; to be sourced. A server on free ports with its data in a
# temporary directory, and tools/ as web pages; both end with the script.
#   start_pages; start_server TOPIC...; page_url NAME; keep_serving

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; wait; rm -rf "$scratch"' EXIT
trap exit INT TERM

# The program, built if it is not yet.
duolog=${DUOLOG:-$root/build/release/duolog}
if [ -z "${DUOLOG:-}" ] && [ ! -x "$duolog" ]; then "$root/tools/build.sh"; fi

# Waits until the file holds a line that matches, and prints the match's group.
await() {
  local file=$1 pattern=$2
  until grep -qE "$pattern" "$file" 2>/dev/null; do sleep 0.05; done
  sed -nE "s/.*$pattern.*/\\1/p" "$file" | tail -n 1
}

start_pages() {
  python3 -u -m http.server 0 --bind 127.0.0.1 --directory "$root/tools" \
    >"$scratch/pages" 2>&1 &
  pages=127.0.0.1:$(await "$scratch/pages" 'port ([0-9]+)')
}

# A page may connect when the server knows its origin. After the first start the ports stay.
serve() {
  : >"$scratch/ready"
  "$duolog" serve --data-dir "$scratch/data" --kafka "${kafka:-127.0.0.1:0}" \
    --http "${http:-127.0.0.1:0}" --ws-allowed-origins "http://$pages" \
    >"$scratch/ready" 2>>"$scratch/log" &
  server=$!
  kafka=$(await "$scratch/ready" 'kafka ([^ ]+)')
  http=$(await "$scratch/ready" 'http ([^ ]+)')
}

start_server() {
  serve
  for topic in "$@"; do "$duolog" topic create "$topic" -b "$kafka" >/dev/null; done
}

# Starts the server again whenever it ends, until the script does.
keep_serving() {
  while true; do
    echo "To see what a page does without a server: kill -9 $server"
    wait "$server" 2>/dev/null || true
    echo "The server has ended; it is started again in three seconds."
    sleep 3
    serve
  done
}

page_url() { echo "http://$pages/examples/$1/?server=$http"; }
