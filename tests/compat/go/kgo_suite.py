"""franz-go's own tests, as far as the server is meant to do what they ask.

    kgo_suite.py PROGRAM HOST:PORT own-tests

Left out are transactions, share groups and SASL. The tests of the next group protocol leave
themselves out when the server does not list it.
"""

import os
import re
import subprocess
import sys
import tempfile

OUT_OF_SCOPE = "Txn|ShareGroup|SCRAM|848"
LIMIT_S = 360


def main(program, broker, *names):
    environment = {**os.environ, "KGO_SEEDS": broker, "KGO_TEST_RF": "1",
                   "KGO_TEST_RECORDS": "50000", "KGO_LOG_LEVEL": "error"}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [program, "-test.v", f"-test.timeout={LIMIT_S}s", f"-test.skip={OUT_OF_SCOPE}"],
            env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, check=False)
    said = done.stdout.decode(errors="replace")
    passed, failed = (re.findall(rf"(?m)^--- {word}: (\S+)", said) for word in ("PASS", "FAIL"))
    if done.returncode == 0 and passed and not failed:
        print(f"{len(passed)} tests passed")
        outcome = "passed"
    else:
        print(said[-20000:])
        outcome = f"failed {len(passed)} passed, failed: {' '.join(failed)}"
    for name in names:
        print(f"feature {name} {outcome}")


if __name__ == "__main__":
    main(*sys.argv[1:])
