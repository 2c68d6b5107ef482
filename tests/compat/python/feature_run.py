"""What the clients' programs in Python share: main({NAME: function}, prefix="check_").

A function does its feature with the client of its program and raises if anything is not as it
should be. It is called with nothing; `broker()` says where the server is.
"""

import sys
import time
import traceback

# Only catches hangs.
DEADLINE_S = 30


def broker():
    return sys.argv[1]


def main(checks):
    """Does the features that the command line names, one after the other."""
    for name in sys.argv[2:]:
        try:
            checks[name]()
            print(f"feature {name} passed", flush=True)
        except Exception as error:  # pylint: disable=broad-except
            traceback.print_exc(file=sys.stdout)
            print(f"feature {name} failed {type(error).__name__}: "
                  f"{' '.join(str(error).split())[:300]}", flush=True)


def expect(got, wanted):
    if got != wanted:
        raise AssertionError(f"{got!r:.300} instead of {wanted!r:.300}")


def until(condition, what):
    """Asks again until `condition` holds, and returns what it said."""
    end = time.monotonic() + DEADLINE_S
    while not (outcome := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {DEADLINE_S} s: {what}")
    return outcome
