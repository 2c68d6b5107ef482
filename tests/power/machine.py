"""A machine whose power can be cut: QEMU, and a disk with a cache that does not outlive it.

    kernel    Debian's for the cloud, unpacked by run.sh: TEST_KERNEL_DIR
    initramfs busybox, kernel modules, guest_init.sh and the program with its libraries
    disk      nbdkit with volatile_disk.cc, on a socket of the file system; as virtio or as SCSI
    network   QEMU's own, within its process; the two doors on ports of 127.0.0.1

Without KVM for such a kernel (a machine that is itself a guest often has none) QEMU emulates, which
takes some ten times as long and shows the same.
"""

import glob
import os
import re
import shutil
import socket
import subprocess
import threading
import time

from duolog_server import until

HERE = os.path.dirname(os.path.abspath(__file__))
DISK_BYTES = 2 << 30
BOOT_S = 240  # only catches hangs
MODULES = ["virtio_pci", "virtio_blk", "virtio_net", "virtio_scsi", "sd_mod", "crc32c_generic",
           "ext4", "xfs"]
# How the guest sees the disk. With SCSI the kernel writes with FUA what has to be durable, with virtio
# it writes and flushes. Not NVMe: QEMU 7.2's says that it knows FUA, and does not pass it on.
BUSES = {"virtio": ("vda", ["virtio-blk-pci,drive=disk,write-cache=on"]),
         "scsi": ("sda", ["virtio-scsi-pci", "scsi-hd,drive=disk,write-cache=on,dpofua=on"])}
MAKE_FILE_SYSTEM = {"ext4": ["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0"],
                    "xfs": ["mkfs.xfs", "-q"]}
# ext4 does not mount any more when the last block of its journal's last transaction is torn.
TORN = {"ext4": "no", "xfs": "yes"}
CHECK_FILE_SYSTEM = {"ext4": ["e2fsck", "-f", "-n"], "xfs": ["xfs_repair", "-n"]}
ADMINISTRATOR = dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")  # mkfs is there


def run(command, **more):
    done = subprocess.run(command, check=False, env=ADMINISTRATOR, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", **more)
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}: {done.stdout}")
    return done.stdout


def has_kvm():
    """Whether KVM runs kernels that know nothing of it."""
    with open("/proc/cpuinfo", encoding="ascii") as file:
        flags = re.search(r"^flags\s*:(.*)", file.read(), re.MULTILINE)
    return os.access("/dev/kvm", os.R_OK | os.W_OK) and flags is not None and bool(
        {"vmx", "svm"} & set(flags.group(1).split()))


def kernel_dir():
    return os.environ["TEST_KERNEL_DIR"]


def modules():
    """The paths of the modules that the guest needs, each after those that it needs itself."""
    version = os.path.basename(glob.glob(os.path.join(kernel_dir(), "lib/modules/*"))[0])
    run(["depmod", "-b", kernel_dir(), version])
    found = []
    for name in MODULES:
        for line in run(["modprobe", "-d", kernel_dir(), "-S", version, "--show-depends",
                         name]).splitlines():
            kind, *rest = line.split()
            if kind == "insmod" and rest[0] not in found:
                found.append(rest[0])
    return found


def make_initramfs(program, path):
    """Writes what the kernel unpacks into the guest's memory."""
    root = path + ".root"
    shutil.rmtree(root, ignore_errors=True)
    for folder in ("bin", "lib", "lib64", "modules"):
        os.makedirs(os.path.join(root, folder))
    shutil.copy("/bin/busybox", os.path.join(root, "bin/busybox"))
    os.symlink("busybox", os.path.join(root, "bin/sh"))
    shutil.copy(os.path.join(HERE, "guest_init.sh"), os.path.join(root, "init"))
    os.chmod(os.path.join(root, "init"), 0o755)
    run(["strip", "-o", os.path.join(root, "bin/duolog"), program])
    for line in run(["ldd", program]).splitlines():
        library = re.search(r"(/\S+)", line)
        if library:
            folder = "lib64" if "ld-linux" in line else "lib"
            shutil.copy(library.group(1), os.path.join(root, folder))
    order = modules()
    for module in order:
        shutil.copy(module, os.path.join(root, "modules"))
    with open(os.path.join(root, "modules/order"), "w", encoding="ascii") as file:
        file.writelines(os.path.basename(module) + "\n" for module in order)
    names = subprocess.run(["find", "."], cwd=root, check=True, stdout=subprocess.PIPE).stdout
    with open(path, "wb") as file:
        subprocess.run(["busybox", "cpio", "-o", "-H", "newc"], cwd=root, check=True, input=names,
                       stdout=file, stderr=subprocess.DEVNULL)
    shutil.rmtree(root)


class Disk:
    """An image with a file system, and the nbdkit that stands in front of it. Each of its
    connections ends in a loss of power."""

    def __init__(self, folder, file_system, seed, flush="kept"):
        self.file_system = file_system
        self.image = os.path.join(folder, "disk.img")
        self.socket = os.path.join(folder, "disk.sock")
        self.report = os.path.join(folder, "disk.report")
        self.step = os.path.join(folder, "disk.step")
        with open(self.image, "wb") as file:
            file.truncate(DISK_BYTES)
        run([*MAKE_FILE_SYSTEM[file_system], self.image])
        with open(os.path.join(folder, "nbdkit.log"), "wb") as log:
            self.nbdkit = subprocess.Popen(
                ["nbdkit", "-f", "-U", self.socket, os.environ["TEST_VOLATILE_DISK"],
                 f"image={self.image}", f"report={self.report}", f"step={self.step}",
                 f"seed={seed}", f"flush={flush}", f"torn={TORN[file_system]}"], stdin=subprocess.DEVNULL, stderr=log)
        until(lambda: os.path.exists(self.socket), "nbdkit's socket")

    def last_step(self, number):
        """With which write or flush of its next connection the power goes. 0: with none."""
        with open(self.step, "w", encoding="ascii") as file:
            file.write(str(number))

    def cuts(self):
        """What became of the disk's cache, a line a cut."""
        if not os.path.exists(self.report):
            return []
        with open(self.report, encoding="ascii") as file:
            return file.read().splitlines()

    def close(self):
        self.nbdkit.kill()
        self.nbdkit.wait()

    def check(self):
        """Asks the file system's own tool, after an unmount; raises when it is hurt."""
        run([*CHECK_FILE_SYSTEM[self.file_system], self.image])


def free_ports(count):
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class Machine:
    """One boot, up to its cut."""

    def __init__(self, disk, initramfs, console_path, bus, verify=False):
        self.disk = disk
        self.bus = bus
        self.kafka_port, self.http_port = free_ports(2)
        self.cuts_before = len(disk.cuts())
        self.console = b""
        self.console_path = console_path
        self.changed = threading.Condition()
        name, devices = BUSES[bus]
        acceleration = (["-accel", "kvm", "-cpu", "host"] if has_kvm() else
                        ["-accel", "tcg,thread=multi", "-cpu", "max"])
        self.process = subprocess.Popen([
            "qemu-system-x86_64", *acceleration, "-smp", "2", "-m", "768", "-nodefaults",
            "-display", "none", "-no-reboot", "-serial", "stdio",
            "-kernel", glob.glob(os.path.join(kernel_dir(), "boot/vmlinuz-*"))[0],
            "-initrd", initramfs,
            "-append", "console=ttyS0 quiet panic=-1 no_timer_check mitigations=off "
                       f"disk={name} file_system={disk.file_system} "
                       f"verify={'yes' if verify else 'no'}",
            "-blockdev", f"driver=nbd,node-name=disk,server.type=unix,server.path={disk.socket},"
                         "cache.direct=on,cache.no-flush=off",
            *[word for device in devices for word in ("-device", device)],
            "-netdev", "user,id=net,"
                       f"hostfwd=tcp:127.0.0.1:{self.kafka_port}-:9092,"
                       f"hostfwd=tcp:127.0.0.1:{self.http_port}-:8080",
            "-device", "virtio-net-pci,netdev=net"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    @property
    def kafka(self):
        return f"127.0.0.1:{self.kafka_port}"

    def _read(self):
        with open(self.console_path, "ab") as log:
            while piece := os.read(self.process.stdout.fileno(), 65536):
                log.write(piece)
                log.flush()
                with self.changed:
                    self.console += piece
                    self.changed.notify_all()
        with self.changed:
            self.console += b"\nmachine: off\n"
            self.changed.notify_all()

    def wait_for(self, pattern, limit_s=BOOT_S):
        """The match of `pattern` on the console, once it is there; None when it is not in time."""
        end = time.monotonic() + limit_s
        with self.changed:
            while not (found := re.search(pattern, self.console)):
                left = end - time.monotonic()
                if left <= 0 or b"machine: off" in self.console:
                    return None
                self.changed.wait(left)
        return found

    def expect(self, pattern):
        found = self.wait_for(pattern)
        if found is None:
            raise AssertionError(f"{pattern!r} is not on the console:\n"
                                 f"{self.console.decode(errors='replace')[-6000:]}")
        return found

    def progress(self):
        """The last thing that the guest said of itself."""
        said = re.findall(rb"guest: ([a-z]+)", self.console)
        return said[-1].decode() if said else "nothing"

    def tell(self, line):
        """Has the guest run a line of shell."""
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def serve(self, *options):
        """Starts the server and does not wait."""
        self.tell(" ".join(["serve --kafka 0.0.0.0:9092 --http 0.0.0.0:8080 --advertise",
                            self.kafka, *map(str, options), "&"]))

    def off(self):
        """Takes its power, if it still has any."""
        if not self.process.stdout.closed:
            self.process.kill()
            self.process.wait()
            self.reader.join()
            self.process.stdin.close()
            self.process.stdout.close()

    def cut(self):
        """Takes its power and waits until its disk has seen to the rest; what became of that."""
        self.off()
        until(lambda: len(self.disk.cuts()) > self.cuts_before, "the disk's report of the cut")
        return self.disk.cuts()[-1]
