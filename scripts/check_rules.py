#!/usr/bin/env python3
"""Rules of the code that no compiler checks (architecture: Layers, Decide and do). Prints FILE:LINE: the violated rule.

    check_rules.py              over net, s2, agent; and that nothing generated is committed
    check_rules.py --self-test  each rule finds its bad example and leaves the good one alone
"""

import pathlib
import re
import subprocess
import sys

LINES_MAX = 400
COLUMNS_MAX = 110  # clang-format breaks code there, and leaves comments to their writer
ROOT = pathlib.Path(__file__).resolve().parent.parent
# What a tool makes from the sources, an editor leaves behind, or a merge.
GENERATED = re.compile(
    r"\.(pyc|pyo|o|obj|a|so|gch|pch|d|gcda|gcno|gcov|profraw|profdata|debug|log|pid|sw[op]|orig|rej|tmp|db|db-wal|db-shm)$|~$"
    r"|(^|/)(__pycache__|CMakeFiles|build|\.cache|\.pytest_cache)/"
    r"|(^|/)(compile_commands\.json|CMakeCache\.txt|build\.ninja|core|core\.\d+|callgrind\.out\S*|\.DS_Store)$")

LAYERS = ("net", "s2", "agent")  # an arrow from a layer to a later one is an error, whatever the table says


def wings_of(cmake):
    """folder of each wing -> the folders that it may include, from the ringtail_wing() calls; and what is wrong there."""
    sets, wings, wrong = {}, {}, []
    for match in re.finditer(r"^(set|ringtail_wing)\(([^)]*)\)", cmake, re.M):
        words = [word for part in match.group(2).split() for word in sets.get(part, [part])]
        name, rest = words[0], words[1:]
        if match.group(1) == "set":
            sets["${%s}" % name] = rest
            continue
        uses = rest[rest.index("USES") + 1:] if "USES" in rest else []
        uses = uses[:uses.index("LINK")] if "LINK" in uses else uses
        for used in uses:
            if used not in wings:
                wrong.append(f"{name} uses {used}, which is not declared above it")
            elif LAYERS.index(used.split("/")[0]) > LAYERS.index(name.split("/")[0]):
                wrong.append(f"{name} uses {used} (agent -> s2 -> net, never back)")
        wings[name] = {name, *uses}
    return wings, wrong


# (name, pattern, files that are allowed it, bad example, good example)
BANNED = [
    ("a clock: ask net::environment", r"\b(system|steady|high_resolution|utc)_clock\s*::\s*now\b", (),
     "auto t = std::chrono::steady_clock::now();", "auto t = env.now();"),
    ("the time of day: ask net::environment", r"(?<![\w.>:])(?:(?:std::|::)time\s*\(|time\s*\(\s*(?:nullptr|NULL|0|&)|(?:gettimeofday|clock_gettime)\s*\()", (),
     "auto t = ::time(nullptr);", "auto t = last.time(1);"),
    ("randomness: ask net::environment", r"\b(getrandom|random_device|mt19937\w*|RAND_bytes|random_generator|srand)\b", (),
     "std::random_device r;", "env.random_bytes(out);"),
    ("a file or socket call: ask net::environment",
     r"(?<![\w.>:])::(open|openat|read|write|pread|pwrite|socket|connect|bind|accept4?|mmap|munmap|fsync|fdatasync|ftruncate"
     r"|fallocate|unlink|rename|flock|send|recv|sendmsg|recvmsg|epoll_\w+|poll|select)\s*\(",
     ("s2/local/sqlite.cpp",),  # SQLite goes to the disk by itself; this is where it is opened
     "auto fd = ::open(path, 0);", "stream.open(path); local::read(x);"),
    ("an Asio timer: use net::environment::make_timer",
     r"\b(steady_timer|system_timer|high_resolution_timer|deadline_timer|basic_waitable_timer|tcp_stream)\b", (),
     "asio::steady_timer t{ex};", "auto t = env.make_timer();"),
    ("an Asio socket, signal set or file: only in net/system",
     r"\basio::(?:\w+::)*(?:ip::(?:tcp|udp)\b|local::stream_protocol|signal_set|posix::stream_descriptor|stream_file)", (),
     "asio::ip::tcp::socket s{ex};", "net::stream& s;"),
    ("a thread: use net::on_helper", r"\bstd::(j?thread|async)\b(?!::id)", (),
     "std::thread t{f};", "co_await on_helper(env, f);"),
    ("a file stream: use net::file_system", r"\bstd::(o|i)?fstream\b|(?<![\w.>:])(?:std::|::)?(fopen|freopen|tmpfile)\s*\(", (),
     "std::ofstream out{path};", "std::ostringstream out;"),
    ("a change of the file system: use net::file_system",
     r"\b(?:filesystem|fs)::(create_director\w+|remove(_all)?|rename|copy(_file)?|resize_file|permissions|create_\w*link"
     r"|exists|status|file_size|directory_iterator|recursive_directory_iterator|is_\w+|space|last_write_time)\b",
     ("net/tls/certificates",),  # where the system keeps its authorities
     "std::filesystem::remove(p);", "std::filesystem::path p;"),
    ("an environment variable: only in the configuration", r"\b(secure_)?getenv\s*\(|\benviron\b|\b(un)?setenv\s*\(",
     ("agent/host/process", "net/tls/certificates"), "auto h = std::getenv(\"HOME\");", "auto h = variables.get(\"HOME\");"),
    ("a detached task: use net::task_group", r"\bco_spawn\b|\bdetached\b", ("net/task/task_group", "net/http2/client"),
     "asio::co_spawn(ex, f(), asio::detached);", "group.spawn(f());"),
]

# g++ 12.2 miscompiles these (architecture: Dependencies).
TRAPS = [
    ("co_await within a conditional operator", r"\?[^;:{}\"]*\bco_await\b[^;]*:|\?[^;\"]*:[^;:]*\bco_await\b",
     "auto x = a ? co_await f() : 0;", "auto x = co_await f(a ? 1 : 2);"),
    ("co_await with an aggregate temporary: name it first", r"\bco_await\s+[\w:.>\-]+\((?:[^;(){}\"]*,)?\s*[a-z][\w:]*\{[^}]",
     "co_await f(request{head});", "co_await f(std::move(head), {});"),
    ("two co_await in one statement", r"\bco_await\b[^;{}]*\bco_await\b",
     "auto x = co_await f(co_await g());", "auto x = co_await f(y);"),
]


def code_of(text):
    """Comments and string contents blanked, line numbers and string quotes kept."""
    def blank(match):
        found = match.group(0)
        if found.startswith(("//", "/*")):
            return re.sub(r"[^\n]", " ", found)
        if found.startswith('R"'):
            return '""' + "\n" * found.count("\n")
        return found[0] + found[-1] if found[0] == '"' else found
    return re.sub(r'R"(\w*)\((?:.|\n)*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'|//[^\n]*|/\*(?:.|\n)*?\*/', blank, text)


def violations(path, text, wings):
    wing = path.rpartition("/")[0]
    if wing not in wings:
        yield 0, f"{wing} is no wing: ringtail_wing() in CMakeLists.txt declares them"
    for match in re.finditer(r'^#include "([^"]+)"', text, re.M):
        target = match.group(1).rpartition("/")[0]
        if wing in wings and target not in wings[wing]:
            yield match.start(), f"{wing} must not include {match.group(1)} (CMakeLists.txt says what it uses)"
    if text.count("\n") > LINES_MAX:
        yield len(text), f"longer than {LINES_MAX} lines: more than one idea?"
    for match in re.finditer(r"^[^\"\n]*//[^\n]*$", text, re.M):
        if len(match.group(0)) > COLUMNS_MAX:
            yield match.start(), f"a comment beyond column {COLUMNS_MAX}"
    code = code_of(text)
    if not path.startswith("net/system/"):
        for rule, pattern, allowed, _, _ in BANNED:
            if path.startswith(allowed) if allowed else False:
                continue
            for match in re.finditer(pattern, code):
                yield match.start(), f"{rule} ({match.group(0).strip()})"
    for rule, pattern, _, _ in TRAPS:
        for match in re.finditer(pattern, code):
            yield match.start(), f"{rule}: g++ 12.2 miscompiles it"


def generated(paths):
    return [path for path in paths if GENERATED.search(path)]


def self_test():
    failed = 0
    bad = ["scripts/__pycache__/lib.txt", "tests/system/support.pyc", "a.o", "build/dev/x", "core", "net/a.cpp.orig",
           "compile_commands.json"]
    good = ["net/core.cpp", "scripts/build", "tests/data/capture.ndjson", "scripts/record_capture/build.py", "agent/host/log.cpp"]
    if generated(bad + good) != bad:
        print(f"self-test: generated files: found {generated(bad + good)}")
        failed = 1
    wings, wrong = wings_of("ringtail_wing(net)\nringtail_wing(s2 USES net LINK Z::Z)\nset(low net s2)\n"
                            "ringtail_wing(agent/ring USES ${low})\nringtail_wing(agent/api\n    USES net agent/ring)\n")
    if wrong or wings["agent/api"] != {"agent/api", "net", "agent/ring"} or wings["s2"] != {"s2", "net"}:
        print(f"self-test: wings: {wings} {wrong}")
        failed = 1
    for table in ("ringtail_wing(net USES s2)\nringtail_wing(s2)\n", "ringtail_wing(s2)\nringtail_wing(net USES s2)\n"):
        if not wings_of(table)[1]:
            print(f"self-test: nothing wrong in {table!r}")
            failed = 1
    for entry in BANNED + TRAPS:
        rule, bad, good = entry[0], entry[-2], entry[-1]
        for example, expected in ((bad, True), (good, False)):
            found = [what for _, what in violations("agent/api/example.cpp", example, wings) if what.startswith(rule)]
            if bool(found) != expected:
                print(f"self-test: {rule}: {example!r} gave {found}")
                failed = 1
    # An arrow planted in each direction: back to a higher layer, to a wing that is not used, from a folder that is none.
    for path, include, expected in (("net/a.cpp", "s2/types.hpp", 1), ("s2/a.cpp", "agent/ring/ring.hpp", 1),
                                    ("agent/ring/a.cpp", "agent/api/call.hpp", 1), ("agent/api/a.cpp", "s2/types.hpp", 1),
                                    ("agent/a.cpp", "agent/a.hpp", 1), ("agent/api/a.cpp", "agent/ring/ring.hpp", 0),
                                    ("agent/ring/a.cpp", "net/result.hpp", 0)):
        if len(list(violations(path, f'#include "{include}"\n', wings))) != expected:
            print(f"self-test: wings: {path} including {include}")
            failed = 1
    for line, expected in (("// " + "word " * 25, 1), ("auto x = 1; // " + "word " * 5, 0)):
        if len(list(violations("agent/api/example.cpp", line, wings))) != expected:
            print(f"self-test: columns: {line!r}")
            failed = 1
    return failed


def main():
    if "--self-test" in sys.argv:
        return self_test()
    failed = 0
    committed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True, check=True).stdout
    for path in generated(committed.split("\0")):
        print(f"{path}: a generated file is committed: git rm --cached it, and name its kind in .gitignore")
        failed = 1
    wings, wrong = wings_of((ROOT / "CMakeLists.txt").read_text())
    for what in wrong:
        print(f"CMakeLists.txt: {what}")
        failed = 1
    for folder in LAYERS:
        for file in sorted((ROOT / folder).rglob("*.[ch]pp")):
            path, text = str(file.relative_to(ROOT)), file.read_text()
            for offset, what in sorted(violations(path, text, wings)):
                print(f"{path}:{text.count(chr(10), 0, offset) + 1}: {what}")
                failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
