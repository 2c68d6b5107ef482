"""Fetches what suites need that no package of the distribution has, into build/compat.

Each thing is fetched once: a folder that bears its mark is complete. A lock makes suites that run
at once and need the same thing wait for each other. The registries are those that the package
managers are set up for.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess

from results import build_dir

LIMIT_S = 280


@contextlib.contextmanager
def locked(name):
    with open(os.path.join(build_dir(), name + ".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(*command, cwd=None, environment=None):
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **(environment or {})},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=LIMIT_S, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n"
                           f"{done.stdout.decode(errors='replace')[-4000:]}")


def made_once(name, sources, make):
    """The folder build/compat/NAME, which `make(folder)` fills.

    It is made anew when the files or words in `sources` have changed.
    """
    digest = hashlib.sha256()
    for source in sources:
        if os.path.isfile(source):
            with open(source, "rb") as file:
                digest.update(file.read())
        else:
            digest.update(source.encode())
    folder = os.path.join(build_dir(), name)
    mark = os.path.join(folder, ".made-of")
    with locked(name):
        try:
            with open(mark, encoding="ascii") as file:
                if file.read() == digest.hexdigest():
                    return folder
        except FileNotFoundError:
            pass
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        make(folder)
        with open(mark, "w", encoding="ascii") as file:
            file.write(digest.hexdigest())
    return folder


def node_modules(name, folder):
    """The folder whose node_modules has what FOLDER/package-lock.json pins."""
    files = [os.path.join(folder, file) for file in ("package.json", "package-lock.json")]

    def make(into):
        for file in files:
            shutil.copy(file, into)
        run("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=into)

    return made_once(name, files, make)
