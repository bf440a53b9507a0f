#!/usr/bin/env python3
"""Sources (.cpp) that clang-tidy has to see: every commit's since the last that passed, and what is not committed yet.

    changed_sources.py              names, one a line; what it compared with is said on standard error
    changed_sources.py --passed     remembers this commit as one that passed
    changed_sources.py --self-test

Compared with is the first of these that there is:
  the commit where this branch left origin/main, or main where there is no such remote;
  the last commit that passed on this machine, where it is part of this history: its name stands in
    $XDG_CACHE_HOME/ringtail/tidied (else ~/.cache), which only CI writes;
  nothing: a clean clone on a machine without memory. Then the FILES_MAX sources that changed last are taken, and it is said
    how many others there are.

A file is left out where nothing but #include lines differs from what it was, whatever its name was then: a move is not
looked at again. A changed header stands for the source of its name.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

FOLDERS = ("net", "s2", "agent", "tests", "bench")
FILES_MAX = 40  # about five minutes on two cores
COMPARED_MAX = 120  # what a run may look at where it knows since when
INCLUDE = re.compile(rb"^[ \t]*#[ \t]*include\b.*$", re.M)


def memory():
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(cache) / "ringtail/tidied"


def git(root, *command, check=True):
    return subprocess.run(["git", "-C", root, *command], capture_output=True, check=check).stdout


def commit(root, name):
    return git(root, "rev-parse", "-q", "--verify", f"{name}^{{commit}}", check=False).decode().strip()


def base_of(root, remembered):
    """(commit, why), or (None, why)"""
    head = commit(root, "HEAD")
    for name in ("origin/main", "main"):
        left = git(root, "merge-base", "HEAD", name, check=False).decode().strip()
        if left:
            if left != head:
                return left, f"where it left {name}"
            break
    known = commit(root, remembered) if remembered else ""
    if known and git(root, "merge-base", known, head, check=False).decode().strip() == known:
        return known, "the last that passed here"
    return None, "no commit is known to have passed"


def same_but_includes(before, after):
    """Blank lines aside as well, which part groups of includes."""
    def rest(text):
        return [line for line in INCLUDE.sub(b"", text).split(b"\n") if line.strip()]
    return rest(before) == rest(after)


def differing(root, base):
    """Paths that differ from the base in more than includes; the working tree counts, files unknown to git too."""
    fields = iter(git(root, "diff", "-M50%", "-l0", "--name-status", "-z", base, "--", *FOLDERS).decode().split("\0"))
    found = set()
    for status in fields:
        if not status:
            continue
        before = next(fields)
        after = next(fields) if status[0] in "RC" else before
        if status == "D" or status == "R100" or not (pathlib.Path(root) / after).exists():
            continue
        if status[0] in "RM" and same_but_includes(git(root, "show", f"{base}:{before}"),
                                                  (pathlib.Path(root) / after).read_bytes()):
            continue
        found.add(after)
    others = git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", *FOLDERS).decode().split("\0")
    return found | {path for path in others if path}


def sources_of(root, paths):
    """In the order of the paths, each once."""
    sources = []
    for path in paths:
        source = path[:-4] + ".cpp" if path.endswith(".hpp") else path
        if source.endswith(".cpp") and source not in sources and (pathlib.Path(root) / source).exists():
            sources.append(source)
    return sources


def changed_in(patches):
    """Paths after the change, in the order of `git log -p -U0`, where a patch changes more than includes."""
    path, in_hunk = b"", False
    for line in patches.split(b"\n"):
        if line.startswith(b"diff --git "):
            path, in_hunk = b"", False
        elif line.startswith(b"@@ "):
            in_hunk = True
        elif not in_hunk:
            if line.startswith(b"+++ b/"):
                path = line[6:]
        elif line[:1] in (b"+", b"-") and path and line[1:].strip() and not INCLUDE.match(line[1:]):
            yield path.decode()
            path = b""  # said once


def changed_last(root):
    """Sources by their last change, that of the newest commit first."""
    paths = sorted(differing(root, "HEAD"))
    patches = git(root, "-c", "core.quotePath=false", "log", "--first-parent", "-m", "-M50%", "-l0", "-U0", "-p", "--format=",
                  "-n", "300", "--", *FOLDERS)
    return sources_of(root, paths + list(changed_in(patches)))


def chosen(root, remembered):
    """(sources, what to say)"""
    base, why = base_of(root, remembered)
    if base:
        sources = sources_of(root, sorted(differing(root, base)))
        left = len(sources) - COMPARED_MAX
        return sources[:COMPARED_MAX], (f"{len(sources)} sources differ from {base[:7]} ({why})"
                                        + (f"; {left} of them are left to scripts/check --tidy" if left > 0 else ""))
    sources = changed_last(root)
    left = len(sources) - FILES_MAX
    return sources[:FILES_MAX], (f"{why}: the {min(len(sources), FILES_MAX)} sources that changed last"
                                 + (f"; {left} others are left to scripts/check --tidy" if left > 0 else ""))


# --- the self-test

def self_test():
    failed = []
    body = "int f{n}() {{\n    return {n};\n}}\n" * 4

    with tempfile.TemporaryDirectory(prefix="ringtail-changed-") as root:
        def write(path, text):
            file = pathlib.Path(root) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

        def save(what):
            git(root, "add", "-A")
            git(root, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "-m", what)
            return commit(root, "HEAD")

        def expect(what, remembered, expected):
            found = chosen(root, remembered)[0]
            if found != expected:
                failed.append(f"{what}: {found} instead of {expected}")

        git(root, "init", "-q", "-b", "main")
        for n, name in enumerate(("net/moved", "net/moved_with_includes", "net/moved_and_changed", "net/still", "s2/own")):
            write(f"{name}.cpp", '#include "net/a.hpp"\n\n' + body.format(n=n))
        write("s2/own.hpp", "int own();\n")
        write("scripts/no_source.cpp", "")
        first = save("first")
        expect("a clean clone takes all", "", ["net/moved.cpp", "net/moved_and_changed.cpp",
                                               "net/moved_with_includes.cpp", "net/still.cpp", "s2/own.cpp"])
        expect("nothing changed", first, [])
        (pathlib.Path(root) / "agent").mkdir()
        for n, name in enumerate(("moved", "moved_with_includes", "moved_and_changed")):
            git(root, "mv", f"net/{name}.cpp", f"agent/{name}.cpp")
        write("agent/moved_with_includes.cpp", '#include "agent/a.hpp"\n#include <map>\n\n\n' + body.format(n=1))
        write("agent/moved_and_changed.cpp", '#include "agent/a.hpp"\n\n' + body.format(n=2).replace("return 2", "return 3", 1))
        second = save("moves")
        expect("moves", first, ["agent/moved_and_changed.cpp"])
        write("net/still.cpp", '#include "net/b.hpp"\n' + body.format(n=3))
        save("an include")
        expect("of two commits both count, and an include does not", first, ["agent/moved_and_changed.cpp"])
        expect("from the one between", second, [])
        write("s2/own.hpp", "int own(int);\n")
        expect("a header, not committed", second, ["s2/own.cpp"])
        write("s2/new.cpp", "int x;\n")
        expect("a file that git does not know", second, ["s2/new.cpp", "s2/own.cpp"])
        last = save("new")
        # Where the moved ones had been added is behind all that.
        expect("a clean clone, the newest first", "", ["s2/new.cpp", "s2/own.cpp", "agent/moved_and_changed.cpp",
                                                       "net/still.cpp"])
        expect("a commit that is not there", "0" * 40, chosen(root, "")[0])
        git(root, "update-ref", "refs/remotes/origin/main", second)
        expect("origin/main, whatever passed later", last, ["s2/new.cpp", "s2/own.cpp"])
        git(root, "update-ref", "refs/remotes/origin/main", last)
        expect("origin/main is this commit", second, ["s2/new.cpp", "s2/own.cpp"])
        git(root, "update-ref", "-d", "refs/remotes/origin/main")
        git(root, "checkout", "-q", "-b", "branch")
        write("s2/newer.cpp", "int x;\n")
        save("a branch")
        expect("a branch where there is no remote", "", ["s2/newer.cpp"])
        git(root, "checkout", "-q", "--orphan", "another")
        git(root, "branch", "-q", "-D", "main")
        save("another history")
        if base_of(root, last)[0]:
            failed.append("a commit of another history was taken")
    for line in failed:
        print(f"changed_sources: {line}")
    return 1 if failed else 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    root = str(pathlib.Path(__file__).resolve().parent.parent)
    file = memory()
    if sys.argv[1:] == ["--passed"]:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(commit(root, "HEAD") + "\n")
        return 0
    sources, said = chosen(root, file.read_text().strip() if file.exists() else "")
    print(f"changed_sources: {said}", file=sys.stderr)
    print("".join(f"{source}\n" for source in sources), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
