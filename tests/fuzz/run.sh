#!/usr/bin/env bash
# Builds the fuzzers (clang, libFuzzer, with AddressSanitizer and UndefinedBehaviorSanitizer) and runs
# each for a while, from the seeds and from what earlier runs have found.
#   tests/fuzz/run.sh [SECONDS] [TARGET...]     default: 30 seconds each; an hour each: 3600
# What breaks one is kept in build/fuzz/found/, and the exit status is 1.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-30}
shift || true
tools/install-dependencies.sh build test fuzz
cmake --preset fuzz >/dev/null
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(kafka_request_fuzz record_batch_fuzz \
  http_request_fuzz ws_frame_fuzz push_command_fuzz)
cmake --build --preset fuzz --target fuzz_seeds "${targets[@]}"
mkdir -p build/fuzz/found
build/fuzz/tests/fuzz_seeds build/fuzz/seeds
failed=0
for target in "${targets[@]}"; do
  corpus=build/fuzz/corpus/$target
  mkdir -p "$corpus"
  echo "== $target: $seconds s"
  "build/fuzz/tests/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
    -print_funcs=0 -verbosity=0 -artifact_prefix="build/fuzz/found/$target-" "$corpus" \
    "build/fuzz/seeds/$target" || failed=1
done
exit $failed
