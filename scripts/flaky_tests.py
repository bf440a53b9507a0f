#!/usr/bin/env python3
"""Tests that failed and then passed within one run of ctest with --repeat until-pass: prints `FLAKY name` for each.

    flaky_tests.py LOG PRESET   LOG is what ctest printed
    flaky_tests.py --self-test

Exit 1 where that is more than chance: two of them in one run, or one that was flaky the last time it ran too. A run is one
call, or all calls with the same file in RINGTAIL_FLAKY_RUN (.ci/run has several). Which tests were flaky the last time
stands in $XDG_CACHE_HOME/ringtail/flaky (else ~/.cache), so it is known only where that outlives the clone.
"""

import os
import pathlib
import re
import sys
import tempfile

START = re.compile(r"^ +Start +(\d+): (.+)$")
RESULT = re.compile(r"^ *(?:\d+/\d+ )?Test +#(\d+): .*?(\*\*\*|   Passed).*?\d+\.\d+ sec")
FLAKY_MAX = 1  # in one run


def results(lines):
    """(names that passed at once, names that passed only later)"""
    names, failed, steady, flaky = {}, set(), [], []
    for line in lines:
        if start := START.match(line):
            names[start[1]] = start[2]
        elif result := RESULT.match(line):
            name = names.get(result[1], "#" + result[1])
            if result[2].startswith("***"):
                failed.add(result[1])
            elif name not in steady + flaky:
                (flaky if result[1] in failed else steady).append(name)
    return steady, flaky


def lines_of(file):
    return file.read_text().splitlines() if file.exists() else []


def judge(steady, flaky, earlier_in_run, before):
    """(what is wrong, what to remember): names with their presets."""
    wrong = [f"{name} passed only at its second try, the last time too" for name in flaky if name in before]
    in_run = [*earlier_in_run, *flaky]
    if flaky and len(in_run) > FLAKY_MAX:
        wrong.append(f"{len(in_run)} tests of one run passed only at their second try: {', '.join(in_run)}")
    # A test that did not run, or did not pass at all, is no news about its chance.
    return wrong, sorted({*before, *flaky} - set(steady))


def look(log, preset, run, memory):
    steady, flaky = ([f"{preset}/{name}" for name in names] for names in results(log))
    wrong, remembered = judge(steady, flaky, lines_of(run) if run else [], lines_of(memory))
    for name in flaky:
        print(f"FLAKY {name.removeprefix(preset + '/')}")
    for what in wrong:
        print(f"flaky_tests: {what}: find out why, a second try is for bad luck alone")
    if run:
        with open(run, "a", encoding="utf-8") as names:
            names.writelines(f"{name}\n" for name in flaky)
    if remembered != lines_of(memory):
        try:
            memory.parent.mkdir(parents=True, exist_ok=True)
            memory.write_text("".join(f"{name}\n" for name in remembered))
        except OSError as error:
            print(f"flaky_tests: the next run will not know: {error}")
    return 1 if wrong else 0


# --- the self-test

EXAMPLE = """    Start 1: unit.a.name/of one
1/4 Test #1: unit.a.name/of one ........***Failed    0.07 sec
Test #3: what a test prints is no result

    Start 1: unit.a.name/of one
    Start 2: unit.bad
1/4 Test #2: unit.bad .........................***Failed    0.01 sec
    Start 2: unit.bad
    Test #1: unit.a.name/of one ........   Passed    0.01 sec
    Test #2: unit.bad .........................***Failed    0.01 sec
    Start 3: unit.good
3/4 Test #3: unit.good ........................   Passed    0.05 sec
    Start 14: unit.crash
4/4 Test #14: unit.crash .......................***Exception: SegFault  0.05 sec
    Start 14: unit.crash
    Test #14: unit.crash .......................   Passed    0.00 sec
"""


def example(*tests):
    """A log: (name, its tries)"""
    lines = []
    for number, (name, tries) in enumerate(tests):
        for passed in tries:
            said = "   Passed" if passed else "***Failed"
            lines += [f"    Start {number}: {name}", f"1/9 Test #{number}: {name} ....{said}    0.05 sec"]
    return lines


def self_test():
    failed = []
    if results(EXAMPLE.splitlines()) != (["unit.good"], ["unit.a.name/of one", "unit.crash"]):
        failed.append(f"found {results(EXAMPLE.splitlines())}")
    good, flaky, bad = (True,), (False, True), (False, False)
    with tempfile.TemporaryDirectory(prefix="ringtail-flaky-") as name:
        directory = pathlib.Path(name)
        memory = directory / "cache/ringtail/flaky"
        # (what, calls of one run: (preset, tests), which of them fails)
        runs = (
            ("all good", (("dev", (("a", good), ("b", good))),), ()),
            ("one alone is forgiven", (("dev", (("a", flaky), ("b", good))),), ()),
            ("another preset's is another test", (("asan", (("a", flaky),)),), ()),
            ("where it did not run it is not forgotten", (("dev", (("b", good),)),), ()),
            ("nor where it failed", (("dev", (("a", bad),)),), ()),
            ("twice in a row", (("dev", (("a", flaky), ("b", good))),), (0,)),
            ("three times", (("dev", (("a", flaky), ("b", good))),), (0,)),
            ("it passed", (("dev", (("a", good), ("b", good))),), ()),
            ("so it is forgiven again", (("dev", (("a", flaky), ("b", good))),), ()),
            ("two in one call", (("dev", (("c", flaky), ("d", flaky))),), (0,)),
            ("none", (("dev", (("a", good), ("c", good), ("d", good))), ("asan", (("a", good),))), ()),
            ("two in one run", (("dev", (("c", flaky),)), ("sim", (("f", good),)), ("asan", (("e", flaky),))), (2,)),
        )
        output = sys.stdout
        for number, (what, calls, expected) in enumerate(runs):
            run = directory / f"run{number}"
            with open(os.devnull, "w", encoding="utf-8") as sys.stdout:
                found = tuple(at for at, (preset, tests) in enumerate(calls) if look(example(*tests), preset, run, memory))
            sys.stdout = output
            if found != expected:
                failed.append(f"{what}: calls {found} failed instead of {expected}")
    for line in failed:
        print(f"flaky_tests: {line}")
    return 1 if failed else 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    log, preset = sys.argv[1:]
    run = os.environ.get("RINGTAIL_FLAKY_RUN")
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    lines = pathlib.Path(log).read_text(encoding="utf-8", errors="replace").splitlines()
    return look(lines, preset, pathlib.Path(run) if run else None, pathlib.Path(cache) / "ringtail/flaky")


if __name__ == "__main__":
    sys.exit(main())
