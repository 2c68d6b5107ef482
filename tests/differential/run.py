#!/usr/bin/env python3
"""The same requests to Duolog and to an Apache Kafka, compared field by field.

    tests/differential/run.py [BUILD [WORDS]]     (default: build/release)

Starts both on free ports and scratch directories, runs kafka_differential, ends both. Exit status:
its own, 0 when nothing differs that may not. WORDS: only scenarios whose names have them.
"""

import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path += [os.path.join(ROOT, "tests", "apache_kafka"), os.path.join(ROOT, "tests", "e2e")]
from apache_kafka import ApacheKafka  # pylint: disable=wrong-import-position
from duolog_server import Server  # pylint: disable=wrong-import-position

LIMIT_S = 600


def main(build, words):
    os.environ["TEST_PROGRAM"] = os.path.join(build, "duolog")
    scratch = tempfile.mkdtemp(prefix="duolog-differential-")
    ours = Server(os.path.join(scratch, "duolog"))
    theirs = ApacheKafka(os.path.join(scratch, "kafka"))
    try:
        theirs.start()
        ours.start()
        return subprocess.run([os.path.join(build, "tests", "kafka_differential"), ours.kafka,
                               theirs.address, *words], check=False, timeout=LIMIT_S).returncode
    finally:
        if ours.is_running():
            ours.kill()
        theirs.stop()
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1] if len(sys.argv) > 1
                                  else os.path.join(ROOT, "build", "release")), sys.argv[2:3]))
