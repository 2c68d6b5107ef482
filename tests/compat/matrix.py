#!/usr/bin/python3 -B
"""The matrix of clients and features in the README: matrix.py write | check

`write` takes the last run of each suite from the build tree into results.json, and results.json
into the README's table. `check` says whether the table is what results.json gives.
"""

import json
import os
import sys

import features
import results
import suites

README = os.path.join(results.HERE, "..", "..", "README.md")
BEGIN = "<!-- clients: written by tests/compat/matrix.py -->"
END = "<!-- clients: end -->"
SIGNS = {"passed": "✓", "lacking": "–", "not served": "○", "failed": "✗"}


def table(kept):
    """The lines between the marks."""
    names = [suite for suite in suites.SUITES
             if suite.name in kept and suite.features is features.FEATURES]
    own = [f"{suite.title}: {SIGNS[kept[suite.name][feature.name]]}." for suite in suites.SUITES
           if suite.name in kept and suite not in names
           for feature in suite.features]
    lines = ["| | " + " | ".join(suite.short for suite in names) + " |",
             "|---|" + ":-:|" * len(names)]
    for feature in features.FEATURES:
        signs = [SIGNS[kept[suite.name][feature.name]] for suite in names]
        lines.append(f"| {feature.title} | " + " | ".join(signs) + " |")
    titles = "; ".join(f"{suite.short}: {suite.title}" for suite in names)
    return [*lines, "", "✓ passed, – the client cannot, ○ not served yet, ✗ failed.", *own, "",
            f"{titles}."]


def with_table(text, kept):
    """The README's text with the table of `kept` between the marks."""
    before, rest = text.split(BEGIN + "\n", 1)
    after = rest.split(END, 1)[1]
    return before + BEGIN + "\n" + "\n".join(table(kept)) + "\n" + END + after


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def write():
    kept = {**results.kept(), **results.last_runs(suite.name for suite in suites.SUITES)}
    ordered = {suite.name: kept[suite.name] for suite in suites.SUITES if suite.name in kept}
    readme = with_table(read(README), ordered)
    with open(results.KEPT_PATH, "w", encoding="utf-8") as file:
        json.dump(ordered, file, indent=1)
        file.write("\n")
    with open(README, "w", encoding="utf-8") as file:
        file.write(readme)


def main():
    if sys.argv[1:] == ["write"]:
        write()
    elif sys.argv[1:] == ["check"]:
        text = read(README)
        if text != with_table(text, results.kept()):
            print("README.md: the table of clients is not what tests/compat/results.json gives; "
                  "run tests/compat/matrix.py write")
            return 1
    else:
        print(__doc__)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
