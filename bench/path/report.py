"""Where results go: tables to standard output and build/bench, and with --record into bench/README.md and bench/results."""

import os
import platform
import re
import shutil
import subprocess

import plot
import servers

README = servers.ROOT / "bench/README.md"
RECORDED = servers.ROOT / "bench/results"


class Result:
    """One table of a scenario, and its figure's panels. `note` says under which conditions it came to be."""

    def __init__(self, name, title, columns, rows, note, panels):
        self.name, self.title, self.note, self.panels = name, title, note, panels
        self.columns, self.rows = columns, rows

    def table(self):
        lines = ["| " + " | ".join(map(str, cells)) + " |" for cells in (self.columns, ["---"] * len(self.columns), *self.rows)]
        return f"### {self.title}\n\n" + "\n".join(lines) + f"\n\n{self.note}\n"


def place(readme, result, table):
    """The text with the result's table between its markers."""
    begin, end = f"<!-- begin {result.name} -->\n", f"<!-- end {result.name} -->"
    found = re.subn(re.escape(begin) + "(?s:.*)" + re.escape(end), lambda _: begin + table + end, readme)
    if found[1] != 1:
        raise SystemExit(f"bench: {README.name} has no place for {result.name} ({begin.strip()})")
    return found[0]


def commit():
    found = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=servers.ROOT, capture_output=True, text=True)
    return found.stdout.strip() or "unknown"


def machine(measured_commit):
    """Under which conditions a scenario begins."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), platform.machine())
    return (f"{os.cpu_count()} × {model}, Linux {platform.release()}, load average {os.getloadavg()[0]:.1f} before; "
            f"commit {measured_commit}.")


def publish(result, where, record):
    table = result.table() + where + "\n"
    print(table, flush=True)
    plain, figure = servers.SCRATCH / f"{result.name}.md", servers.SCRATCH / f"{result.name}.svg"
    plain.write_text(table)
    if result.panels:
        figure.write_text(plot.figure(result.panels))
    if not record:
        return
    if result.panels:
        RECORDED.mkdir(exist_ok=True)
        shutil.copy(figure, RECORDED)
        table += f"\n![{result.title}](results/{figure.name})\n"
    README.write_text(place(README.read_text(), result, table))
