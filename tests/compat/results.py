"""The outcomes of runs: one file a suite in the build tree, and the kept ones in results.json."""

import json
import os

HERE = os.path.dirname(os.path.abspath(__file__))
KEPT_PATH = os.path.join(HERE, "results.json")


def build_dir():
    """Where runs leave their outcomes and suites what they fetched."""
    path = os.environ.get("COMPAT_BUILD") or os.path.join(HERE, "..", "..", "build", "compat")
    os.makedirs(path, exist_ok=True)
    return os.path.abspath(path)


def kept():
    """{suite: {feature: outcome}} of the last run that was kept."""
    try:
        with open(KEPT_PATH, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


def write_run(suite, outcomes):
    path = os.path.join(build_dir(), suite.name + ".json")
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump({name: outcome for name, (outcome, _) in outcomes.items()}, file, indent=1)
    os.replace(path + ".new", path)


def last_runs(names):
    """{suite: {feature: outcome}} of the suites that have run in this build tree."""
    found = {}
    for name in names:
        try:
            with open(os.path.join(build_dir(), name + ".json"), encoding="utf-8") as file:
                found[name] = json.load(file)
        except FileNotFoundError:
            pass
    return found
