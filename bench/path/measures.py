"""One process measured from its start to its end, and what to make of several of them."""

import os
import select
import statistics
import subprocess
import time

SAMPLE_SECONDS = 0.02
KIB = 1024
MIB = 1024 * 1024


def status_of(pid):
    """Numbers of /proc/PID/status: memory in bytes, context switches; empty when there is no such process any more."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            lines = [line.split() for line in file]
    except (FileNotFoundError, ProcessLookupError):
        return {}
    scale = {"kB": KIB}
    return {words[0][:-1]: int(words[1]) * scale.get(words[-1], 1) for words in lines
            if len(words) in (2, 3) and words[1].isdigit()}


def cpu_of(pid):
    """Seconds of CPU, user and system, that a living process has used."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def machine_cpu():
    """Seconds of CPU that all processes together have used."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _, _, irq, softirq = map(int, file.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


class Run:
    """A process that has ended. `samples` are (seconds since its start, RSS, anonymous RSS), memory in bytes."""

    def __init__(self, status, seconds, usage, samples, rss_peak):
        self.status, self.seconds, self.samples, self.rss_peak = status, seconds, samples, rss_peak
        self.user, self.system = usage.ru_utime, usage.ru_stime
        self.anonymous_peak = max((anonymous for _, _, anonymous in samples), default=0)

    @property
    def cpu(self):
        return self.user + self.system


def measure(command, stdin, stderr, env, stdout=subprocess.DEVNULL):
    """Runs a command to its end. CPU is the kernel's account of this one process (wait4); memory is sampled, and its peak
    is the kernel's high-water mark as of the last sample, since wait4 would count the memory of the process that forked."""
    process = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr, env=env)
    started = time.monotonic()
    samples, rss_peak = [], 0
    descriptor = os.pidfd_open(process.pid)
    try:
        poller = select.poll()
        poller.register(descriptor, select.POLLIN)
        while not poller.poll(SAMPLE_SECONDS * 1000):
            found = status_of(process.pid)
            if "VmRSS" in found:  # a zombie has none
                samples.append((time.monotonic() - started, found["VmRSS"], found["RssAnon"]))
                rss_peak = found["VmHWM"]
        seconds = time.monotonic() - started
    finally:
        os.close(descriptor)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Run(process.returncode, seconds, usage, samples, rss_peak)


def median(values):
    return statistics.median(values)


def percentile(sorted_values, share):
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))]
