#!/usr/bin/env python3
"""Whether the program that ships runs where it is meant to: with the C library alone, also the one of Ubuntu 22.04; small,
its symbols apart; read-only wherever it can be. Prints what is wrong; exit 1.

    check_program.py [PROGRAM]   build/release/ringtail, unless another is named
    check_program.py --self-test each fault is found in a program that has it
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "build/release/ringtail"
LIBRARIES = re.compile(r"lib[cm]\.so\.6|ld-linux[\w-]*\.so\.\d")
GLIBC_MAX = (2, 35)
BYTES_MAX = 16 << 20


def readelf(program, *flags):
    return subprocess.run(["readelf", "-W", *flags, program], capture_output=True, text=True, check=True).stdout


def sections(program):
    return set(re.findall(r"^\s*\[ *\d+\] (\S+)", readelf(program, "-S"), re.M))


def wrong_libraries(program):
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", readelf(program, "-d"))
    return [f"needs {name}: only the C library may be needed, link the rest in"
            for name in needed if not LIBRARIES.fullmatch(name)]


def wrong_versions(program):
    found = []
    symbols = re.findall(r" UND ([^\s@]+)@([A-Z_]+)_([\d.]+)", readelf(program, "--dyn-syms"))
    newest = {(family, version) for _, family, version in symbols}
    # The linker may keep a version's requirement without the symbol; the loader asks for it all the same.
    newest |= set(re.findall(r"Name: ([A-Z_]+)_([\d.]+)", readelf(program, "-V")))
    for family, version in sorted(newest):
        if family == "GLIBC" and tuple(map(int, version.split("."))) <= GLIBC_MAX:
            continue
        names = sorted(name for name, *of in symbols if of == [family, version]) or ["no symbol by name"]
        found.append(f"needs {family}_{version} ({', '.join(names)}): newer than glibc "
                     f"{'.'.join(map(str, GLIBC_MAX))}, so it does not start on Ubuntu 22.04")
    return found


def wrong_symbols(program):
    program = pathlib.Path(program)
    found = []
    if sections(program) & {".symtab", ".debug_info", ".debug_line"}:
        found.append("is not stripped")
    if program.stat().st_size > BYTES_MAX:
        found.append(f"has {program.stat().st_size >> 20} MiB, more than {BYTES_MAX >> 20}")
    if ".gnu_debuglink" not in sections(program):
        return [*found, "names no file with its symbols (.gnu_debuglink)"]
    shown = subprocess.run(["objcopy", "-O", "binary", "--dump-section", ".gnu_debuglink=/dev/stdout", program, os.devnull],
                           capture_output=True, check=True).stdout
    name = shown[:shown.index(b"\0")].decode()
    apart = program.parent / name
    if not apart.exists():
        return [*found, f"its symbols are missing: {apart}"]
    if zlib.crc32(apart.read_bytes()).to_bytes(4, sys.byteorder) != shown[-4:]:
        found.append(f"{apart} has the symbols of another build")
        return found
    if ".debug_info" not in sections(apart):
        found.append(f"{apart} has no debug information")
    return found


def wrong_hardening(program):
    dynamic, header, segments = readelf(program, "-d"), readelf(program, "-h"), readelf(program, "-l")
    return [what for there, what in (
        (re.search(r"Type:\s+DYN", header) and re.search(r"FLAGS_1\).*\bPIE\b", dynamic),
         "is not position-independent (PIE)"),
        ("GNU_RELRO" in segments and re.search(r"\bNOW\b", dynamic), "is not wholly read-only after relocation (-z relro -z now)"),
        (re.search(r"GNU_STACK\s.*\sRW\s", segments), "has a stack that can be executed"),
        (re.search(r" UND __\w+_chk@", readelf(program, "--dyn-syms")), "checks no buffer of the C library's calls "
         "(_FORTIFY_SOURCE)"),
    ) if not there]


# The program's own symbols can't tell: the libraries that are linked in call checked functions too.
def wrong_commands(program):
    commands = pathlib.Path(program).parent / "compile_commands.json"
    if not commands.exists():
        return []
    return [f"{entry['file']} is compiled {what}" for entry in json.loads(commands.read_text())
            for what, wrong in (
                ("without -D_FORTIFY_SOURCE=2 or 3", not re.search(r"-D_FORTIFY_SOURCE=[23]\b", entry["command"])),
                ("without optimisation, so _FORTIFY_SOURCE does nothing", not re.search(r" -O[123s]\b", entry["command"])),
            ) if wrong]


CHECKS = (wrong_libraries, wrong_versions, wrong_symbols, wrong_hardening, wrong_commands)


def faults(program):
    return [fault for check in CHECKS for fault in check(program)]


# --- the self-test

GOOD = '#include <stdio.h>\nint main(int n, char** v) { char s[9]; return sprintf(s, "%s", v[n - 1]) < puts(s); }\n'
FLAGS = ("-O2", "-g", "-fPIE", "-pie", "-Wl,-z,relro,-z,now", "-D_FORTIFY_SOURCE=2")
NEWER = '#include <stdlib.h>\nint newer(void) { return (int)arc4random(); }\n'
ANOTHER = '#include <zlib.h>\nconst char* another(void) { return zlibVersion(); }\n'
# (what is found, more source, more flags, whether the symbols are put apart)
BAD = (
    ("needs libz.so.1", ANOTHER, ("-Wl,--no-as-needed", "-lz"), True),
    ("needs GLIBC_2.36 (arc4random)", NEWER, (), True),
    ("is not stripped", "", (), False),
    ("is not position-independent", "", ("-no-pie", "-fno-pie"), True),
    ("is not wholly read-only", "", ("-Wl,-z,lazy",), True),
    ("stack that can be executed", "", ("-Wl,-z,execstack",), True),
    ("checks no buffer", "", ("-U_FORTIFY_SOURCE",), True),
)


def built(directory, more, flags, apart):
    program = directory / "program"
    (directory / "program.c").write_text(GOOD + more)
    subprocess.run(["gcc", *FLAGS, "-o", program, directory / "program.c", *flags], check=True, stderr=subprocess.DEVNULL)
    if apart:
        debug = directory / "program.debug"
        subprocess.run(["objcopy", "--only-keep-debug", program, debug], check=True)
        subprocess.run(["objcopy", "--strip-all", f"--add-gnu-debuglink={debug}", program], check=True)
    return program


def self_test():
    failed = []
    with tempfile.TemporaryDirectory(prefix="ringtail-program-") as name:
        directory = pathlib.Path(name)
        good = built(directory, "", (), True)
        if found := faults(good):
            failed.append(f"a good program: {found}")
        (directory / "program.debug").write_bytes(b"of another build")
        if not any("another build" in fault for fault in faults(good)):
            failed.append("symbols of another build are not found")
        commands = directory / "compile_commands.json"
        for command, expected in (("g++ -O2 -D_FORTIFY_SOURCE=2 -c a.cpp", ""), ("g++ -O2 -c a.cpp", "_FORTIFY_SOURCE=2"),
                                  ("g++ -D_FORTIFY_SOURCE=2 -c a.cpp", "without optimisation")):
            commands.write_text(json.dumps([{"file": "a.cpp", "command": command}]))
            if bool(found := wrong_commands(good)) != bool(expected) or expected not in "".join(found):
                failed.append(f"{command}: {found}")
        commands.unlink()
        for expected, more, flags, apart in BAD:
            found = faults(built(directory, more, flags, apart))
            if not any(expected in fault for fault in found):
                failed.append(f"not found: {expected}; found: {found}")
    for line in failed:
        print(f"check_program: {line}")
    return 1 if failed else 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    program = pathlib.Path(sys.argv[1]) if sys.argv[1:] else SHIPPED
    if not program.exists():
        print(f"check_program: {program} is not there: scripts/build release ringtail")
        return 1
    found = faults(program)
    for fault in found:
        print(f"{program}: {fault}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
