#!/usr/bin/env python3
"""Runs seeds of the simulation in batches beside each other, and adds up what they tell. Called by scripts/sim."""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
REGRESSIONS = ROOT / "tests/sim/regressions.txt"
CANARIES = ROOT / "tests/sim/canaries"
BATCH = 50  # seeds per process: killed processes of a world stay in its memory
CANARY_SEEDS = 2000
FIRED_MIN, PER_SEEDS = 50, 5000  # each fault
FEW_SEEDS, FEW_MISSING = 1000, 2  # so few seeds may lack so many of the rare ones


def batch_of(program, first, count, more=()):
    done = subprocess.run([program, "--from", str(first), "--seeds", str(count), *more], capture_output=True, text=True,
                          errors="replace", env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
    return done.returncode, done.stdout + done.stderr


def totals_of(text):
    found = collections.Counter()
    for name, count in re.findall(r"^(?:fired|seen) (\S+) +(\d+)$", text, re.M):
        found[name] += int(count)
    for seeds, seconds, events, envelopes in re.findall(
            r"^(\d+) seeds, (\d+) virtual seconds, (\d+) events, (\d+) envelopes stored$", text, re.M):
        found.update({"=seeds": int(seeds), "=seconds": int(seconds), "=events": int(events), "=envelopes": int(envelopes)})
    return found


def failures_of(text, code):
    lines = [line for line in text.splitlines() if re.match(r"seed \d+ FAILED", line) or "violated" in line]
    return lines or [f"exit code {code}: {text[-2000:]}"]


def run_batches(program, first, seeds, jobs, until_failure=False):
    """(worst code, failure lines, totals); with until_failure it stops at the first one."""
    batches = [(at, min(BATCH, first + seeds - at)) for at in range(first, first + seeds, BATCH)]
    worst, failures, totals = 0, [], collections.Counter()
    more = () if until_failure else ("--keep-going",)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        pending = {pool.submit(batch_of, program, at, count, more) for at, count in batches}
        for future in concurrent.futures.as_completed(pending):
            if future.cancelled():
                continue
            code, text = future.result()
            totals += totals_of(text)
            if code == 0:
                continue
            worst = max(worst, code if code > 0 else 127)
            failures += failures_of(text, code)
            if until_failure:
                for other in pending:
                    other.cancel()
    return worst, failures, totals


def run_many(program, options):
    began = time.monotonic()
    print(f"base seed {options.from_seed}, {options.seeds} seeds, each twice, {options.jobs} at a time", flush=True)
    worst, failures, totals = run_batches(program, options.from_seed, options.seeds, options.jobs)
    for line in failures:
        print(line)
    names = counted_names(program)
    for name in names:
        print(f"  {name:22} {totals[name]}")
    print(f"sim: {totals['=seeds']} of {options.seeds} seeds passed, {totals['=seconds']} virtual seconds, "
          f"{totals['=events']} events, {totals['=envelopes']} envelopes stored, {time.monotonic() - began:.0f} s")
    least = max(1, FIRED_MIN * options.seeds // PER_SEEDS) if options.seeds >= FEW_SEEDS else 1
    seldom = [f"{name} ({totals[name]})" for name in names if totals[name] < least]
    if worst == 0 and seldom:
        print(f"seen less than {least} times: " + " ".join(seldom))
        return 1 if options.seeds >= FEW_SEEDS or len(seldom) > FEW_MISSING else 0
    return worst


def counted_names(program):
    """Every fault, and what callers must have seen at least once."""
    text = subprocess.run([program, "--seeds", "0"], capture_output=True, text=True).stdout
    return re.findall(r"^(?:fired|seen) (\S+)", text, re.M)


def run_regressions(program):
    worst = 0
    for line in REGRESSIONS.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        seed, name = line.split(None, 1)
        code, text = batch_of(program, int(seed), 1)
        print(f"{'ok' if code == 0 else 'FAILED'}: seed {seed}: {name}", flush=True)
        if code:
            print("\n".join(failures_of(text, code)))
            worst = max(worst, code)
    return worst


def run_canaries(options):
    """Each patch plants a bug in a copy of the tree; some seed must fail there."""
    missed = []
    for patch in sorted(CANARIES.glob("*.patch")):
        if options.names and patch.stem not in options.names:
            continue
        copy = pathlib.Path(tempfile.mkdtemp(prefix="ringtail-canary-"))
        try:
            tree = copy / "tree"
            subprocess.run(["git", "clone", "-q", "--shared", str(ROOT), str(tree)], check=True)
            subprocess.run(["git", "apply", str(patch)], cwd=tree, check=True)
            built = subprocess.run(["scripts/build", "sim", "ringtail_sim"], cwd=tree, capture_output=True, text=True)
            if built.returncode:
                sys.exit(f"{patch.stem} does not build:\n{built.stdout[-3000:]}{built.stderr[-3000:]}")
            began = time.monotonic()
            program = str(tree / "build/sim/tests/sim/ringtail_sim")
            code, failures, totals = run_batches(program, 1, CANARY_SEEDS, options.jobs, until_failure=True)
            if code == 0:
                missed.append(patch.stem)
                print(f"MISSED: {patch.stem}: {CANARY_SEEDS} seeds passed", flush=True)
            else:
                print(f"caught: {patch.stem}: after {totals['=seeds'] + 1} seeds, {time.monotonic() - began:.0f} s: "
                      f"{failures[0][:220]}", flush=True)
        finally:
            shutil.rmtree(copy, ignore_errors=True)
    return 1 if missed else 0


def commit_seed():
    # Of its tree: the same code has the same seeds, however it came to be on a branch.
    head = subprocess.run(["git", "rev-parse", "HEAD^{tree}"], cwd=ROOT, capture_output=True, text=True).stdout
    return int(head[:7] or "1", 16)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--from", dest="from_seed", type=int, default=1)
    parser.add_argument("--from-commit", action="store_true")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--trace", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--regressions", action="store_true")
    parser.add_argument("--canaries", dest="names", nargs="*")
    options = parser.parse_args()
    if options.from_commit:
        options.from_seed = commit_seed()
    if options.seed is not None:
        more = ["--trace"] if options.trace else []
        sys.exit(subprocess.run([options.program, "--seed", str(options.seed), *more]).returncode)
    if options.regressions:
        sys.exit(run_regressions(options.program))
    if options.names is not None:
        sys.exit(run_canaries(options))
    sys.exit(run_many(options.program, options))


if __name__ == "__main__":
    main()
