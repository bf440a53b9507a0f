#!/usr/bin/env python3
"""What the READMEs say of the code, held against it. Prints FILE: what is not so.

    check_readmes.py              each wing's README names its files and what it uses; the root README's path of an event
                                  follows includes; agent/api/README.md lists the routes
    check_readmes.py --self-test  each of these finds its bad example and leaves the good one alone
"""

import pathlib
import re
import sys
import textwrap

from check_rules import ROOT, wings_of


def uses_line(wing, wings):
    """What a wing's README says of the table in CMakeLists.txt."""
    uses = ", ".join(f"`{used}`" for used in sorted(wings[wing] - {wing}))
    return textwrap.fill(f"Uses: {uses}." if uses else "Uses nothing of ours.", 120, break_on_hyphens=False)


def wing_violations(wing, wings, units, text):
    for unit in sorted(units - set(re.findall(r"`(\w+)`", text))):
        yield f"does not name `{unit}`"
    if uses_line(wing, wings) not in text:
        yield f"must say: {uses_line(wing, wings)!r}"


def hops_of(text):
    """(including, included) for each arrow of the path: A → B where A includes B, A ← B where B includes A."""
    hops = []
    for line in re.findall(r"^    \w+ +(\S+ (?:→|←) .*)$", text, re.M):
        words = line.split()
        for left, arrow, right in zip(words[::2], words[1::2], words[2::2]):
            hops.append((left, right) if arrow == "→" else (right, left))
    return hops


def path_violations(text, sources_of):
    hops = hops_of(text)
    if not hops:
        yield "shows no path of an event"
    for including, included in hops:
        if not any(f'#include "{included}.hpp"' in source for source in sources_of(including)):
            yield f"{including} does not include {included}"


def route_violations(text, code):
    routes = set(re.findall(r'^ +\{"([A-Z]+)", "(/[^"]*)", \w+\},$', code, re.M))
    listed = set(re.findall(r"^\| `([A-Z]+) (/[^`]*)` \|", text, re.M))
    if not routes:
        yield "no route was found in the code"
    for method, path in sorted(routes - listed):
        yield f"does not list {method} {path}"
    for method, path in sorted(listed - routes):
        yield f"lists {method} {path}, which is no route"


def self_test():
    failed = 0
    wings = {"net": {"net"}, "agent/api": {"agent/api", "net"}}
    uses = uses_line("agent/api", wings)
    code = '    {"GET", "/status", answer_status},\n'
    path = "    in a/b → a/c\n    out a/d ← a/c\n"
    includes = {"a/b": '#include "a/c.hpp"\n', "a/c": '#include "a/d.hpp"\n', "a/d": ""}
    cases = [
        (wing_violations("agent/api", wings, {"ring"}, f"`ring` {uses}"), 0),
        (wing_violations("agent/api", wings, {"ring"}, f"`rin` {uses}"), 1),
        (wing_violations("agent/api", wings, {"ring"}, "`ring` uses all"), 1),
        (path_violations(path, lambda unit: [includes[unit]]), 0),
        (path_violations(path.replace("←", "→"), lambda unit: [includes[unit]]), 1),
        (path_violations("no path", lambda unit: []), 1),
        (route_violations("| `GET /status` | all |\n", code), 0),
        (route_violations("| `GET /statu` | all |\n", code), 2),
        (route_violations("", ""), 1),
    ]
    for number, (found, expected) in enumerate(cases):
        found = list(found)
        if len(found) != expected:
            print(f"self-test: case {number}: {found}")
            failed = 1
    return failed


def sources_of(unit):
    return [file.read_text() for file in (ROOT / f"{unit}.hpp", ROOT / f"{unit}.cpp") if file.exists()]


def main():
    if "--self-test" in sys.argv:
        return self_test()
    wings, _ = wings_of((ROOT / "CMakeLists.txt").read_text())
    found = []
    for wing in wings:
        readme = ROOT / wing / "README.md"
        units = {file.stem for file in (ROOT / wing).glob("*.[ch]pp")}
        text = readme.read_text() if readme.exists() else ""
        found += [f"{wing}/README.md: {what}" for what in wing_violations(wing, wings, units, text)]
    found += [f"README.md: {what}" for what in path_violations((ROOT / "README.md").read_text(), sources_of)]
    routes = (ROOT / "agent/api/control.cpp").read_text()
    found += [f"agent/api/README.md: {what}" for what in route_violations((ROOT / "agent/api/README.md").read_text(), routes)]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
