#!/usr/bin/env bash
# Installs what is missing to build, test and check Duolog, and only that.
#   tools/install-dependencies.sh [--check] [build] [test] [web] [clients] [ci] [kafka] [fuzz] [lint] [power]
# The default is build.
# --check only prints the packages that are missing. Exit status: 0 nothing is missing any more,
# 1 a package could not be installed (or, with --check, something is missing), 2 this system or user
# does not allow it.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin # mkfs is there, where Debian's users do not look

# group | what to look for | package. What to look for: a command, a header, a Python or Node
# module, or the package itself where neither shows it.
needs() {
  cat <<'TABLE'
build command cmake              cmake
build command ninja              ninja-build
build command g++                g++
build command git                git
build command pkg-config         pkg-config
build header  liburing.h         liburing-dev
build header  mimalloc.h         libmimalloc-dev
build header  xxhash.h           libxxhash-dev
build header  zstd.h             libzstd-dev
build header  zlib.h             zlib1g-dev
build header  lz4frame.h         liblz4-dev
build header  snappy.h           libsnappy-dev
build header  openssl/evp.h      libssl-dev
build header  boost/version.hpp  libboost-dev
build header  fmt/core.h         libfmt-dev
build header  spdlog/spdlog.h    libspdlog-dev
build header  toml++/toml.h      libtomlplusplus-dev
build header  CLI/CLI.hpp        libcli11-dev
build header  nlohmann/json.hpp  nlohmann-json3-dev
build header  simdjson.h         libsimdjson-dev
build header  librdkafka/rdkafka.h librdkafka-dev
test  header  gtest/gtest.h      libgtest-dev
test  header  gmock/gmock.h      libgmock-dev
test  header  benchmark/benchmark.h libbenchmark-dev
test  command /usr/bin/python3   python3
test  python  websockets         python3-websockets
test  header  fuse3/fuse.h       libfuse3-dev
test  command kcat               kcat
test  python  kafka              python3-kafka
test  python  lz4                python3-lz4
test  python  snappy             python3-snappy
test  python  zstandard          python3-zstandard
test  command node               nodejs
test  command npm                npm
test  command mkfs.ext4          e2fsprogs
test  command mkfs.xfs           xfsprogs
test  command mount              mount
test  package node-ws            node-ws
web   command chromium           chromium
clients command javac            openjdk-17-jdk-headless
clients command mvn              maven
clients package python3-venv     python3-venv
ci    command ccache             ccache
kafka command java               openjdk-17-jre-headless
kafka command mvn                maven
fuzz  command clang++-19         clang-19
fuzz  package libclang-rt-19-dev libclang-rt-19-dev
lint  command clang-format-19    clang-format-19
lint  command clang-tidy-19      clang-tidy-19
lint  command shellcheck         shellcheck
lint  python  pylint             pylint
lint  command npm                npm
power command qemu-system-x86_64 qemu-system-x86
power command qemu-io            qemu-utils
power command nbdkit             nbdkit
power header  nbdkit-plugin.h    nbdkit-plugin-dev
power package busybox-static     busybox-static
power command modprobe           kmod
power command mkfs.ext4          e2fsprogs
power command mkfs.xfs           xfsprogs
power command strip              binutils
TABLE
}

is_there() {
  case $1 in
    command) command -v "$2" >/dev/null ;;
    header) compgen -G "/usr/include/$2" >/dev/null || compgen -G "/usr/include/*-linux-gnu/$2" >/dev/null ||
            [ -e "/usr/local/include/$2" ] ;;
    python) /usr/bin/python3 -c "import $2" 2>/dev/null ;;
    package) [ "$(dpkg-query -W -f '${Status}' "$2" 2>/dev/null)" = "install ok installed" ] ;;
  esac
}

check_only=
groups=()
for word in "$@"; do
  case $word in
    --check) check_only=yes ;;
    build | test | web | clients | ci | kafka | fuzz | lint | power) groups+=("$word") ;;
    *)
      echo "install-dependencies: '$word' is not one of --check, build, test, web, clients, ci," \
        "kafka, fuzz, lint, power" >&2
      exit 2
      ;;
  esac
done
[ ${#groups[@]} -gt 0 ] || groups=(build)

missing=()
while read -r group kind name package; do
  [[ " ${groups[*]} " == *" $group "* ]] || continue
  is_there "$kind" "$name" || missing+=("$package")
done < <(needs)
[ ${#missing[@]} -gt 0 ] || exit 0

echo "install-dependencies: missing: ${missing[*]}" >&2
[ -z "$check_only" ] || exit 1
if ! command -v apt-get >/dev/null; then
  echo "install-dependencies: there is no apt-get here; install the equivalents of these Debian 12" \
    "packages, then start again" >&2
  exit 2
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "install-dependencies: installing needs root. Run this, then start again:" >&2
  echo "  sudo apt-get update && sudo apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 2
fi

export DEBIAN_FRONTEND=noninteractive
# The package lists may be absent (a fresh image) or too old to be served.
install() { apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$log" 2>&1; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! install && ! { apt-get update -qq >"$log" 2>&1 && install; }; then
  tail -n 20 "$log" >&2
  echo "install-dependencies: apt-get could not install: ${missing[*]}" >&2
  exit 1
fi
