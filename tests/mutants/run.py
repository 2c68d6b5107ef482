#!/usr/bin/env python3
"""Makes small mistakes in the product, one at a time, and sees that a test finds each.

    tests/mutants/run.py                    all of them
    tests/mutants/run.py NAME...            these
    tests/mutants/run.py --seconds 300      as many as fit, beginning with those tried longest ago
    tests/mutants/run.py --list
    tests/mutants/run.py --server FOLDER NAME   the server with this mistake, to be tried by hand

A mutant is a row of a *.toml file here: the text of one place in one source, another text for it, and
the tests that have to fail then. It is made in a copy of that source, which is compiled and linked in
front of the release build's libraries (build/release has to be there: tools/test.sh); nothing in the
tree changes. Exit status: 0 when each was killed, 1 when one survived or does not apply any more.
"""

import argparse
import concurrent.futures
import itertools
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import threading
import time
import tomllib

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build", "release")
TRIED = os.path.join(BUILD, "mutants-tried.json")
TEST_LIMIT_S = 60  # one that hangs has been found, too
STEP = 29  # a run of 300 s has about as many


class Stale(Exception):
    """The mutant is not of this source any more, or its test is not there."""


def load():
    mutants = []
    folder = os.path.dirname(os.path.abspath(__file__))
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".toml"):
            continue
        with open(os.path.join(folder, name), "rb") as file:
            for mutant in tomllib.load(file)["mutant"]:
                mutant["room"] = name.removesuffix(".toml")
                mutants.append(mutant)
    names = [mutant["name"] for mutant in mutants]
    if len(set(names)) != len(names):
        raise Stale("two mutants have one name")
    return mutants


def mutated(mutant):
    path = os.path.join(ROOT, mutant["file"])
    with open(path, encoding="utf-8") as file:
        text = file.read()
    find = mutant["find"].strip("\n")
    if text.count(find) != 1:
        raise Stale(f"{mutant['file']} has the text {text.count(find)} times")
    return text.replace(find, mutant["replace"].strip("\n"))


def compile_command(source):
    """The command that compiles it, and the file that it is a part of: itself, or a batch."""
    with open(os.path.join(BUILD, "compile_commands.json"), encoding="utf-8") as file:
        commands = json.load(file)
    for entry in commands:
        if entry["file"] == source:
            return entry["command"], source
    for entry in commands:
        if "/Unity/" in entry["file"]:
            with open(entry["file"], encoding="utf-8") as file:
                if f'"{source}"' in file.read():
                    return entry["command"], entry["file"]
    raise Stale(f"nothing compiles {source}")


def compile_mutant(mutant, scratch):
    source = os.path.join(ROOT, mutant["file"])
    command, unit = compile_command(source)
    copy = os.path.join(scratch, os.path.basename(source))
    with open(copy, "w", encoding="utf-8") as file:
        file.write(mutated(mutant))
    unit_copy = copy
    if unit != source:
        with open(unit, encoding="utf-8") as file:
            batch = file.read().replace(f'"{source}"', f'"{copy}"')
        unit_copy = os.path.join(scratch, "batch.cxx")
        with open(unit_copy, "w", encoding="utf-8") as file:
            file.write(batch)
    words = shlex.split(command)
    target = os.path.join(scratch, "mutant.o")
    words[words.index("-o") + 1] = target
    words[words.index(unit)] = unit_copy
    for flag in ("-MF", "-MT"):
        if flag in words:
            words[words.index(flag) + 1] = target + ".d"
    if subprocess.run(words, cwd=BUILD, check=False).returncode != 0:
        raise Stale("it does not compile")
    return target


def link(program, target, scratch):
    """Links a test program, or the server, with the mutant in front of the libraries."""
    built = program if program == "duolog" else f"tests/{program}"
    lines = subprocess.run(["ninja", "-t", "commands", built], cwd=BUILD, check=True,
                           capture_output=True, text=True).stdout.splitlines()
    out = f"-o {built}"
    commands = [line for line in lines if out + " " in line]
    if len(commands) != 1:
        raise Stale(f"nothing links {program}")
    # What follows the link itself finds the names of tests.
    command = re.split(r" && ", commands[0].removeprefix(": && "))[0]
    binary = os.path.join(scratch, program)
    command = command.replace(out, f"-o {binary} {target}")
    subprocess.run(command, cwd=BUILD, check=True, shell=True)
    return binary


def fails(binary, arguments, variables):
    """Whether the test finds the mistake, and how."""
    command = [binary] + arguments
    try:
        done = subprocess.run(command, cwd=BUILD, check=False, capture_output=True, text=True,
                              errors="replace", timeout=TEST_LIMIT_S,
                              env={**os.environ, **variables})
    except subprocess.TimeoutExpired:
        return "it hangs"
    if done.returncode == 0:
        return None
    for line in (done.stdout + done.stderr).splitlines():
        if "Failure" in line or "CHECK" in line or line.startswith("seed "):
            return line.strip()[:150]
    return f"exit status {done.returncode}"


def words_of(killer):
    """'SIM_SEEDS=9 sim_test Seed*' or 'server_sim --seeds 40': the program, its arguments, and what
    its environment has."""
    words = killer.split()
    variables = dict(word.split("=", 1) for word in itertools.takewhile(lambda w: "=" in w, words))
    program, *rest = words[len(variables):]
    if program == "server_sim":
        return program, rest, variables
    return program, ["--gtest_brief=1", "--gtest_filter=" + ":".join(rest)], variables


def try_mutant(mutant):
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="duolog-mutant-") as scratch:
        target = compile_mutant(mutant, scratch)
        binaries = {}
        for killer in mutant["killed_by"]:
            program, arguments, variables = words_of(killer)
            if program not in binaries:
                binaries[program] = link(program, target, scratch)
            how = fails(binaries[program], arguments, variables)
            if how:
                print(f"killed    {mutant['name']}  by {killer}: {how}"
                      f"  ({time.monotonic() - began:.0f} s)", flush=True)
                return True
    print(f"SURVIVED  {mutant['name']}  {mutant['file']}: {mutant['what']}", flush=True)
    return False


def check_killers(mutant, checked):
    """Without a mistake they pass, and a filter finds a test. `checked`: those of mutants before."""
    well = True
    for killer in set(mutant["killed_by"]) - checked:
        checked.add(killer)
        program, arguments, variables = words_of(killer)
        binary = os.path.join(BUILD, "tests", program)
        if program != "server_sim":
            listed = subprocess.run([binary, arguments[1], "--gtest_list_tests"], check=False,
                                    capture_output=True, text=True).stdout
            if "  " not in listed:
                print(f"STALE     {killer}: there is no such test", flush=True)
                well = False
                continue
        how = fails(binary, arguments, variables)
        if how:
            print(f"STALE     {killer}: it fails without a mistake: {how}", flush=True)
            well = False
    return well


def last_tried():
    try:
        with open(TRIED, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def in_turn(mutants):
    """Those first that have not been tried for the longest time, as far as this build tree knows;
    and from another place on with each commit, so that a new tree begins elsewhere."""
    count = subprocess.run(["git", "rev-list", "--count", "HEAD"], cwd=ROOT, check=False,
                           capture_output=True, text=True).stdout.strip()
    first = int(count or 0) * STEP % len(mutants)
    tried = last_tried()
    return sorted(mutants[first:] + mutants[:first], key=lambda m: tried.get(m["name"], 0))


class Trial:
    """Mutants, tried by a few threads until none is left or the time is over."""

    def __init__(self, mutants, seconds):
        self.left = iter(mutants)
        self.until = time.monotonic() + seconds
        self.lock = threading.Lock()
        self.checking = threading.Lock()
        self.checked = set()
        self.tried = last_tried()
        self.count = 0
        self.killed = 0

    def run(self, jobs):
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for done in [pool.submit(self.work) for _ in range(jobs)]:
                done.result()

    def work(self):
        while (mutant := self.next()) is not None:
            try:
                killed = try_mutant(mutant)
                with self.checking:
                    killed = check_killers(mutant, self.checked) and killed
            except Stale as stale:
                print(f"STALE     {mutant['name']}: {stale}", flush=True)
                killed = False
            self.end(mutant, killed)

    def next(self):
        with self.lock:
            return next(self.left, None) if time.monotonic() < self.until else None

    def end(self, mutant, killed):
        with self.lock:
            self.count += 1
            self.killed += killed
            self.tried[mutant["name"]] = int(time.time()) if killed else 0
            with open(TRIED, "w", encoding="utf-8") as file:
                json.dump(self.tried, file)


def main():
    parser = argparse.ArgumentParser(description="small mistakes, each of which a test must find")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--server", metavar="FOLDER",
                        help="only leave the server with the one mistake that is named there")
    arguments = parser.parse_args()
    every = mutants = load()
    if arguments.list:
        for mutant in mutants:
            print(f"{mutant['name']:40} {mutant['what']}")
        return 0
    if arguments.names:
        unknown = set(arguments.names) - {mutant["name"] for mutant in mutants}
        if unknown:
            print(f"mutants: there is no {', '.join(sorted(unknown))}", file=sys.stderr)
            return 2
        mutants = [mutant for mutant in mutants if mutant["name"] in arguments.names]
        if arguments.server:
            print(link("duolog", compile_mutant(mutants[0], arguments.server), arguments.server))
            return 0
    elif arguments.seconds != float("inf"):
        mutants = in_turn(mutants)
    trial = Trial(mutants, arguments.seconds)
    trial.run(arguments.jobs)
    print(f"{trial.count} of {len(every)} mutants: {trial.killed} killed")
    return 0 if trial.killed == trial.count else 1


if __name__ == "__main__":
    sys.exit(main())
