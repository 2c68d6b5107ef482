#!/bin/sh
# The first and only process of a machine of tests/power: brings up its disk and its network, starts
# the server, and then does what it is told, a line of shell a time, on the console. It is busybox's.
# machine.py gives it its environment by way of the kernel's command line: disk, file_system, verify.
verify() {
  duolog log verify --data-dir /data/log >/tmp/verify 2>&1
  status=$?
  cat /tmp/verify
  echo "guest: verify ended with $status"
}
serve() { # ARGUMENT...
  duolog serve --data-dir /data/log "$@"
  echo "guest: serve ended with $?"
}

export PATH=/bin LD_LIBRARY_PATH=/lib
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /data /tmp
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
: "${disk:?}" "${file_system:?}" "${verify:?}"
while read -r module; do insmod "/modules/$module"; done </modules/order
ip link set lo up
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up
ip route add default via 10.0.2.2
until [ -b "/dev/$disk" ]; do sleep 0.1; done
mount -t "$file_system" "/dev/$disk" /data || { echo "guest: no file system"; exec sleep 1000; }
echo "guest: mounted, disk cache: $(cat "/sys/block/$disk/queue/write_cache")"
if [ "$verify" = yes ] && [ -d /data/log ]; then
  verify
fi
echo "guest: up"
while read -r line; do eval "$line"; done
