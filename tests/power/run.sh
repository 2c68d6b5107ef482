#!/usr/bin/env bash
# Cuts the power of a machine under load, again and again, and asks for everything that was acked.
#   tests/power/run.sh [--cuts N] [--fs ext4|xfs] [--seed N] [--some] [CTEST OPTION...]
# 20 cuts on each file system, then clocks that are set, and that the test finds an ack before its flush
# and a disk that lies. --some: only the cuts, two on each file system. The machine is QEMU's, with Debian's
# kernel; what it is made of is in tests/README.md, "The power goes".
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=$PATH:/usr/sbin:/sbin
arguments=(-L '^power')
while [ $# -gt 0 ]; do
  case $1 in
  --cuts) export TEST_CUTS=$2 && shift ;;
  --fs) export TEST_FS=$2 && shift ;;
  --seed) export TEST_SEED=$2 && shift ;;
  --some) arguments=(-L '^power$') && export TEST_CUTS=${TEST_CUTS:-2} ;;
  *) arguments+=("$1") ;;
  esac
  shift
done

skip() {
  echo "tests/power: SKIPPED, nothing was cut: $*" >&2
  exit 0
}
[ "$(uname -m)" = x86_64 ] || skip "only for x86_64"
tools/install-dependencies.sh build test power || skip "QEMU or nbdkit cannot be installed"

# The kernel is only unpacked: nothing of it is installed here.
kernel=build/power/kernel
if [ ! -d "$kernel/boot" ]; then
  mkdir -p build/power/package
  package=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image/ {print $2; exit}')
  (cd build/power/package && apt-get download -qq "$package") || skip "Debian's kernel cannot be had"
  rm -rf "$kernel.part"
  dpkg-deb -x build/power/package/"$package"_*.deb "$kernel.part"
  mv "$kernel.part" "$kernel"
  rm -rf build/power/package
fi
cmake --preset release -DDUOLOG_TESTS=ON -DDUOLOG_BENCH=ON >/dev/null
cmake --build --preset release --target duolog acked_load acked_verify volatile_disk hang_guard
ctest --preset release -C heavy -V "${arguments[@]}"
