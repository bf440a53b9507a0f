#!/usr/bin/env python3
"""Names of the tests that failed and then passed within one run of ctest with --repeat until-pass.

    flaky_tests.py LOG          what ctest printed; one name a line
    flaky_tests.py --self-test
"""

import re
import sys

START = re.compile(r"^ +Start +(\d+): (.+)$")
RESULT = re.compile(r"^ *(?:\d+/\d+ )?Test +#(\d+): .*?(\*\*\*|   Passed).*?\d+\.\d+ sec")


def flaky(lines):
    names, failed, found = {}, set(), []
    for line in lines:
        if start := START.match(line):
            names[start[1]] = start[2]
        elif result := RESULT.match(line):
            if result[2].startswith("***"):
                failed.add(result[1])
            elif result[1] in failed and names.get(result[1]) not in found:
                found.append(names.get(result[1], "#" + result[1]))
    return found


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

if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        found = flaky(EXAMPLE.splitlines())
        sys.exit(None if found == ["unit.a.name/of one", "unit.crash"] else f"flaky_tests.py: found {found}")
    with open(sys.argv[1], encoding="utf-8", errors="replace") as log:
        print("\n".join(flaky(log.read().splitlines())))
