"""When the server cannot start: a clear error, exit status 2, and nothing touched."""

import ctypes
import errno
import hashlib
import os
import shutil
import struct
import subprocess
import tempfile
import unittest

from duolog_server import DEADLINE_S, DuologTest, program

IO_URING_SETUP = 425  # x86-64
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 22, 38


def deny_io_uring(error_number):
    """For preexec_fn: io_uring_setup fails with `error_number`, as a container's profile does."""
    def statement(code, yes, no, value):
        return struct.pack("=HBBI", code, yes, no, value)

    filters = b"".join([
        statement(0x20, 0, 0, 0),                            # load the system call's number
        statement(0x15, 0, 1, IO_URING_SETUP),
        statement(0x06, 0, 0, 0x00050000 | error_number),    # SECCOMP_RET_ERRNO
        statement(0x06, 0, 0, 0x7fff0000)])                  # SECCOMP_RET_ALLOW
    code = ctypes.create_string_buffer(filters, len(filters))
    linux = ctypes.CDLL(None, use_errno=True)

    def deny():
        program_of_filters = struct.pack("=H6xQ", len(filters) // 8, ctypes.addressof(code))
        if linux.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or linux.prctl(
                PR_SET_SECCOMP, 2, program_of_filters, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")
    return deny


def snapshot(folder):
    """Everything about a folder that a program could have touched."""
    found = {}
    for path, folders, names in os.walk(folder):
        for name in [".", *folders, *names]:
            entry = os.path.join(path, name)
            about = os.lstat(entry)
            content = ""
            if os.path.isfile(entry):
                with open(entry, "rb") as file:
                    content = hashlib.sha256(file.read()).hexdigest()
            found[os.path.relpath(entry, folder)] = (about.st_mode, about.st_uid, about.st_size,
                                                     about.st_mtime_ns, content)
    return found


class StartRefusedTest(DuologTest):

    def refuse(self, data_dir, *options, kafka="127.0.0.1:0", http="127.0.0.1:0",
               before_start=None):
        """Starts a server that must not come up; returns what it said on standard error."""
        command = [program(), "serve", "--data-dir", data_dir, "--kafka", kafka, "--http", http,
                   *options]
        done = subprocess.run(command, capture_output=True, timeout=DEADLINE_S, check=False,
                              preexec_fn=before_start)
        said = done.stderr.decode(errors="replace")
        self.assertEqual(done.returncode, 2, said)
        self.assertEqual(done.stdout, b"")
        self.assertRegex(said, r"(?m)^duolog( serve)?: .+")
        return said

    def folder(self, *names):
        path = os.path.join(self.scratch, "folder")
        os.mkdir(path)
        for name in names:
            with open(os.path.join(path, name), "w", encoding="ascii") as file:
                file.write("mine")
        return path

    def test_a_foreign_directory_is_left_alone(self):
        path = self.folder("letter.txt", "00000000000000000000.log")
        before = snapshot(path)
        said = self.refuse(path)
        self.assertIn(path, said)
        self.assertIn("Duolog", said)
        self.assertEqual(snapshot(path), before)

    def test_a_file_is_not_a_directory(self):
        path = os.path.join(self.folder("file"), "file")
        self.assertIn(path, self.refuse(path))
        with open(path, encoding="ascii") as file:
            self.assertEqual(file.read(), "mine")

    def test_a_directory_without_parent_is_not_created(self):
        path = os.path.join(self.scratch, "no", "such", "place")
        said = self.refuse(path)
        self.assertIn(path, said)
        self.assertIn(f"{os.path.dirname(path)} does not exist; create it", said)
        self.assertFalse(os.path.exists(os.path.join(self.scratch, "no")))

    def test_a_directory_that_may_not_be_created_says_where_it_may_not(self):
        parent = self.folder()
        with ReadOnly(self, parent) as path:
            said = self.refuse(os.path.join(path, "data"))
        self.assertIn(f"make {path} writable for this user", said)
        self.assertNotIn("does not exist", said)

    def test_lost_and_found_alone_is_an_empty_directory(self):
        server = self.server()
        os.makedirs(os.path.join(server.data_dir, "lost+found"))
        server.start()
        server.create_topic("t")
        self.assert_stops_cleanly(server)
        self.assertTrue(os.path.isdir(os.path.join(server.data_dir, "lost+found")))

    def test_a_directory_in_use_is_left_to_its_server(self):
        server = self.serve()
        server.kcat("-P", "-t", "t", data=b"one\n")
        before = snapshot(server.data_dir)
        self.assertIn(server.data_dir, self.refuse(server.data_dir))
        self.assertEqual(snapshot(server.data_dir), before)
        server.kcat("-P", "-t", "t", data=b"two\n")
        self.assertEqual(server.kcat("-C", "-t", "t", "-e", "-q"), b"one\ntwo\n")
        self.assert_stops_cleanly(server)

    def test_a_directory_of_a_newer_format_is_left_alone(self):
        server = self.serve()
        self.assert_stops_cleanly(server)
        with open(os.path.join(server.data_dir, "duolog.format"), "w", encoding="ascii") as file:
            file.write("duolog 99\n")
        before = snapshot(server.data_dir)
        self.assertIn("99", self.refuse(server.data_dir))
        self.assertEqual(snapshot(server.data_dir), before)

    def test_a_read_only_directory_is_left_alone(self):
        for name, used in (("new", False), ("used", True)):
            with self.subTest(used=used):
                server = self.server(name=name)
                os.mkdir(server.data_dir)
                if used:
                    server.start()
                    server.kcat("-P", "-t", "t", data=b"one\n")
                    self.assert_stops_cleanly(server)
                before = snapshot(server.data_dir)
                with ReadOnly(self, server.data_dir) as path:
                    self.assertIn(path, self.refuse(path))
                self.assertEqual(snapshot(server.data_dir), before)

    def test_a_used_port_is_named(self):
        server = self.serve()
        other = os.path.join(self.scratch, "other")
        said = self.refuse(other, kafka=server.kafka)
        self.assertIn(f"listen on {server.kafka}: Address already in use", said)
        self.assertIn("--kafka HOST:PORT", said)
        said = self.refuse(other, http=server.http)
        self.assertIn(f"listen on {server.http}: Address already in use", said)
        self.assertIn("--http HOST:PORT", said)
        self.assertFalse(os.path.exists(other))

    def test_an_address_of_another_machine_names_the_option(self):
        for address in ("192.0.2.1:9092", "no-such-host.invalid:9092"):
            with self.subTest(address=address):
                said = self.refuse(os.path.join(self.scratch, "other"), kafka=address)
                self.assertIn(f"listen on {address}: ", said)
                self.assertIn("--kafka HOST:PORT", said)

    def test_io_uring_denied_is_explained(self):
        for error_number, advice in ((errno.ENOSYS, "seccomp"),
                                     (errno.EPERM, "kernel.io_uring_disabled"),
                                     (errno.ENOMEM, "LimitMEMLOCK")):
            with self.subTest(error=os.strerror(error_number)):
                path = tempfile.mkdtemp(dir=self.scratch)
                said = self.refuse(path, before_start=deny_io_uring(error_number))
                self.assertIn("io_uring", said)
                self.assertIn(advice, said)

    def test_an_origin_or_a_host_that_can_never_match_is_named(self):
        for option, entry in (("--ws-allowed-origins", "app.example.com"),
                              ("--ws-allowed-origins", "https://*.example.com"),
                              ("--ws-allowed-origins", "https://app.example.com/"),
                              ("--ws-allowed-hosts", "*.example.com")):
            with self.subTest(entry=entry):
                said = self.refuse(os.path.join(self.scratch, "other"), option, entry)
                self.assertIn(f"{option}: '{entry}' can never match", said)

    def test_the_data_directory_is_for_its_user_alone(self):
        server = self.serve()
        for folder, _, _ in os.walk(server.data_dir):
            self.assertEqual(os.stat(folder).st_mode & 0o777, 0o700, folder)
        self.assertNotIn("other users", server.log_text())
        self.assert_stops_cleanly(server)
        os.chmod(server.data_dir, 0o755)
        server.start()
        self.assertIn("other users of this machine may read it (mode 0755)", server.log_text())
        self.assert_stops_cleanly(server)

    def test_a_misspelt_option_is_named_with_the_right_one(self):
        said = self.refuse(self.scratch, "--segment-byte", "1MiB")
        self.assertIn("--segment-bytes", said)


class ReadOnly:
    """A path below which nothing can be written: for root a read-only mount, else permissions."""

    def __init__(self, test, path):
        self.test, self.path, self.mount = test, path, None
        self.modes = {}

    def __enter__(self):
        if os.geteuid() != 0:
            for folder, _, names in os.walk(self.path):
                for entry in [folder, *(os.path.join(folder, name) for name in names)]:
                    self.modes[entry] = os.stat(entry).st_mode
            for entry, mode in self.modes.items():
                os.chmod(entry, mode & ~0o222)
            return self.path
        self.mount = tempfile.mkdtemp(dir=self.test.scratch)
        mounted = subprocess.run(["mount", "-o", "bind", self.path, self.mount],
                                 capture_output=True, check=False)
        if mounted.returncode != 0:
            self.test.skipTest(f"mount is not allowed here: {mounted.stderr.decode().strip()}")
        subprocess.run(["mount", "-o", "remount,bind,ro", self.mount], check=True)
        return self.mount

    def __exit__(self, *_):
        if self.mount is None:
            for entry, mode in self.modes.items():
                os.chmod(entry, mode)
        else:
            subprocess.run(["umount", self.mount], check=True)
            shutil.rmtree(self.mount)


if __name__ == "__main__":
    unittest.main(verbosity=2)
