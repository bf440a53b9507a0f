"""Many faults of one file in one program, each behind a switch: planted() says which one is on, 0 none.

A fault whose lines are a condition, a one-line function, an initialised variable or whole statements can be switched. The rest
is tried alone (scripts/mutations): what is wrong with a switch shows when the program does not compile, or when its tests fail
with none on.
"""

import re

HEADER = """#pragma once
#include <cstdlib>
inline int planted() {
    static const int chosen = [] {
        const char* text = std::getenv("RINGTAIL_FAULT");
        return text ? std::atoi(text) : 0;
    }();
    return chosen;
}
"""
CONDITION = re.compile(r"^((?:\} )?(?:else )?if \()(.*)(\)(?: \{| .*;)?)$")
FUNCTION = re.compile(r"^([^;{]*\)(?: const)? \{) (.*) \}$")
VARIABLE = re.compile(r"^((?:const )?[\w:]+(?:<[\w:<>]+>)? \w+ = )([^;]*);$")
DECLARATION = re.compile(r"^(?!return|throw|delete|co_return)(const )?[\w:<>,]+[&*]? \w+( = |[{(;])")
STATEMENT_BEFORE = re.compile(r"(^$|[;{}:]$|^(\} )?else( \{)?$|^(\} )?(else )?if \(.*\)$|^for \(.*\)$|^while \(.*\)$|^//.*)$")


def balanced(text):
    depth = 0
    for letter in re.sub(r'"(\\.|[^"\\])*"|\'(\\.|[^\'\\])\'', "", text):
        depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(letter, 0)
        if depth < 0:
            return False
    return depth == 0


def code(line):
    return re.sub(r" // .*$", "", line)


def switch(old, variants, before):
    """The lines that do what `old` does, or one of [(number, lines)]; None where that can't be said."""
    def chain(kind, pattern, group):
        parts = pattern.match(code(old[0]))
        tail = old[1:]
        chosen = parts and f"{kind}({parts.group(group)})"
        for number, new in variants:
            other = pattern.match(code(new[0])) if new else None
            same = parts and other and new[1:] == tail and all(
                parts.group(at) == other.group(at) for at in range(1, pattern.groups + 1) if at != group)
            if not same:
                return None
            chosen = f"(planted() == {number} ? {kind}({other.group(group)}) : {chosen})"
        return parts, chosen, tail

    if CONDITION.match(code(old[0])) and " = " not in CONDITION.match(code(old[0])).group(2):
        if found := chain("static_cast<bool>", CONDITION, 2):
            parts, chosen, tail = found
            return [parts.group(1) + chosen + parts.group(3), *tail]
    if found := len(old) == 1 and VARIABLE.match(code(old[0])) and chain("", VARIABLE, 2):
        parts, chosen, _ = found
        return [parts.group(1) + chosen + ";"]
    if len(old) == 1 and (parts := FUNCTION.match(old[0])):
        bodies = [(number, FUNCTION.match(new[0])) for number, new in variants if len(new) == 1]
        if len(bodies) == len(variants) and all(body and body.group(1) == parts.group(1) for _, body in bodies):
            return [parts.group(1), *statements([parts.group(2)], [(n, [body.group(2)]) for n, body in bodies]), "}"]
        named = re.match(r"^([^;{]*\)(?: const)? \{)(?: .* )?\}$", old[0]).group(1)
        if all(len(new) == 1 and new[0] == named + "}" for _, new in variants):
            return [named, *statements([parts.group(2)], [(n, []) for n, _ in variants]), "}"]
        return None
    kept = 0
    while kept < len(old) and re.match(r"^(case .*|default):$", code(old[kept])) and all(
            kept < len(new) and new[kept] == old[kept] for _, new in variants):
        kept += 1
    blocks = [old[kept:], *(new[kept:] for _, new in variants)]
    before = old[kept - 1] if kept else before
    for block in blocks:
        text = "\n".join(code(line) for line in block)
        declares = any(DECLARATION.match(line) for line in block) and block is blocks[0]
        # The only statement of an if without braces is one; what follows it is none of it.
        if len(block) > 1 and re.search(r"^(else|(else )?if \(.*\)|for \(.*\)|while \(.*\))$", code(before)):
            return None
        if not STATEMENT_BEFORE.search(code(before)) or declares or not balanced(text) or re.search(r"^(else|case)", text, re.M) or (
                text and not re.search(r"[;}]$", text)):
            return None
    return [*old[:kept], *statements(blocks[0], [(number, new[kept:]) for number, new in variants])]


def statements(old, variants):
    lines = ["{"]
    for at, (number, new) in enumerate(variants):
        lines += [("} else " if at else "") + f"if (planted() == {number}) {{", *new]
    return [*lines, "} else {", *old, "}", "}"]


def plant(text, places):
    """The text with switches, and the numbers that are in it. places: [(first line, lines, number, new lines)]."""
    lines = [line.strip() for line in text.split("\n")]
    planted, done, taken = {}, set(), set()
    for at, count in dict.fromkeys((at, count) for at, count, _, _ in places):
        variants = [(number, new) for first, length, number, new in places if (first, length) == (at, count)]
        if taken & set(range(at, at + count)):
            continue
        before = next((lines[i] for i in range(at - 1, -1, -1) if lines[i] and not lines[i].startswith("//")), "")
        # Together, or each alone while the others of the same lines wait for a program of their own.
        for group in [variants, *([each] for each in variants)]:
            made = switch(lines[at:at + count], group, before)
            if made is not None:
                planted[at] = (count, made)
                done |= {number for number, _ in group}
                taken |= set(range(at, at + count))
                break
    out, at = [], 0
    while at < len(lines):
        count, made = planted.get(at, (1, [lines[at]]))
        out += made
        at += count
    joined = re.sub(r"^constexpr (?=[\w:<>, ]+\()", "inline ", "\n".join(out), flags=re.M)
    included = '#include "planted_fault.hpp"\n'
    if "#pragma once\n" in joined:
        return joined.replace("#pragma once\n", "#pragma once\n" + included, 1), done
    return included + joined, done
