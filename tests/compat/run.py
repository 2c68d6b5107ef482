"""Runs one client's program against a server of its own: run.py SUITE

Prints a line a feature, with the outcome as the matrix shows it, and leaves
`compat/SUITE.json` in the build tree for matrix.py. A feature whose APIs the server does not
list is not asked for and "not served"; what is served must pass. Exit status: 0 if it all did, and
nothing that the kept results call passed is missing.
"""

import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

from duolog_server import Server, sanitized
from record_batches import read_batches

import results
import suites

# A new group is not to wait 3 s for more members: two that meet at once are what is tested.
SETTINGS = ("--message-max-bytes", "16MiB", "--group-initial-rebalance-delay-ms", "0")


def served_apis(server):
    """The keys that ApiVersions lists."""
    request = struct.pack(">hhih", 18, 0, 1, -1)
    with server.connect(server.kafka_port) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        with connection.makefile("rb") as stream:
            answer = stream.read(struct.unpack(">i", stream.read(4))[0])
    _, error, count = struct.unpack_from(">ihi", answer)
    if error:
        raise AssertionError(f"ApiVersions is answered with error {error}")
    return {struct.unpack_from(">hhh", answer, 10 + 6 * at)[0] for at in range(count)}


def run_client(command, limit_s):
    """Runs a client: (outcomes, output, how it ended). It is ended with all that it started."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, start_new_session=True) as client:
        try:
            output, late = client.communicate(timeout=limit_s)[0], None
        except subprocess.TimeoutExpired:
            late = f"not done within {limit_s} s"
        finally:
            try:
                os.killpg(client.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if late:
            output = client.communicate()[0]
    output = output.decode(errors="replace")
    outcomes = {}
    for line in output.splitlines():
        words = line.split(" ", 3)
        if words[0] == "feature" and len(words) >= 3:
            outcomes[words[1]] = (words[2], words[3] if len(words) > 3 else "")
    ended = late or f"ended with {client.returncode}"
    return outcomes, output, ended


def stored_otherwise(server, feature):
    """What is wrong with the batches that lie on the disk for `feature`, or None.

    Asked of a server that has stopped: a client that reads back what it wrote does not see
    whether it was compressed.
    """
    if feature != "idempotence" and not feature.startswith("codec-"):
        return None
    batches = [batch for path in server.segments(feature) for batch in read_batches(path)]
    if feature.startswith("codec-"):
        wrong = {batch.codec for batch in batches} - {feature.removeprefix("codec-")}
        if wrong or not batches:
            return f"stored as {', '.join(sorted(wrong)) or 'nothing'}"
    elif not batches or any(batch.producer_id < 0 for batch in batches):
        return "stored without a producer id"
    return None


def run(suite, command, server):
    """The outcome of every feature: {name: (outcome, detail)}, and what the client said."""
    served = served_apis(server)
    outcomes, wanted = {}, []
    for feature in suite.features:
        missing = set(suite.apis.get(feature.name, feature.apis)) - served
        if feature.name in suite.lacking:
            outcomes[feature.name] = ("lacking", suite.lacking[feature.name])
        elif missing:
            outcomes[feature.name] = ("not served", f"APIs {sorted(missing)}")
        else:
            wanted.append(feature)
    for feature in wanted:
        if feature.partitions:
            server.create_topic(feature.name, feature.partitions)
    said, output, ended = {}, "", ""
    if wanted:
        said, output, ended = run_client(
            [*command, server.kafka, *(feature.name for feature in wanted)],
            suite.limit_s * (4 if sanitized() else 1))
    status = server.stop()
    for feature in wanted:
        outcome, detail = said.get(feature.name, ("failed", f"no word of it; {ended}"))
        if outcome == "passed" and (wrong := stored_otherwise(server, feature.name)):
            outcome, detail = "failed", wrong
        if status != 0:
            outcome, detail = "failed", f"the server ended with {status}"
        outcomes[feature.name] = (outcome if outcome == "passed" else "failed", detail)
    return {f.name: outcomes[f.name] for f in suite.features}, output


def report(suite, outcomes, output):
    """Prints the outcomes; returns whether they are as they must be."""
    kept = results.kept().get(suite.name, {})
    good = True
    for name, (outcome, detail) in outcomes.items():
        lost = kept.get(name) == "passed" and outcome != "passed"
        good = good and outcome != "failed" and not lost
        print(f"{suite.name:14} {name:15} {outcome}{': ' + detail if detail else ''}"
              f"{' (it passed before)' if lost else ''}")
    if not good:
        print(f"---- {suite.name} said\n{output[-12000:]}")
    return good


def main():
    suite = suites.BY_NAME[sys.argv[1]]
    begin = time.monotonic()
    command = suite.command()
    prepared_s = time.monotonic() - begin
    scratch = tempfile.mkdtemp(prefix="duolog-compat-")
    server = Server(os.path.join(scratch, "data"), *SETTINGS)
    try:
        server.start()
        outcomes, output = run(suite, command, server)
        good = report(suite, outcomes, output)
        if not good:
            print(f"---- the server's log\n{server.log_text()[-4000:]}")
    finally:
        if server.is_running():
            server.kill()
        shutil.rmtree(scratch, ignore_errors=True)
    results.write_run(suite, outcomes)
    print(f"{suite.name}: {prepared_s:.0f} s to prepare, "
          f"{time.monotonic() - begin - prepared_s:.0f} s to run")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
