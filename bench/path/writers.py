"""What carries NDJSON events from standard input into one S2 stream: Ringtail and its peers, each as its users run it."""

import json
import os
import subprocess

import servers
from servers import support

RUST_PEERS = servers.ROOT / "build/peers/rust/release"
PLACE = f"s2://{servers.BASIN}/{servers.STREAM}"


class Writer:
    """`label` is what tables call it; `flags` are those beside the place. `server` is None where there is none."""

    own_records = 0  # records of the stream that are not producers' events

    def __init__(self, label, *flags):
        self.label, self.flags = label, flags

    def command(self, server, directory):
        raise NotImplementedError

    def environment(self, server, directory):
        return support.clean_environment(HOME=directory, **server.variables())

    def wrong(self, server, directory, events_file, count, whole):
        """What is wrong with what was written, in words, or None. `whole` reads everything back where that is offered."""
        tail, expected = servers.tail(server), count + self.own_records
        return None if tail == expected else f"the stream ends at {tail}, not at {expected}"


class Ringtail(Writer):
    """Its ring in a state directory on the disk, exactly once, as by default."""

    own_records = 3  # fence, session_started, session_ended

    def command(self, server, directory):
        return [support.RINGTAIL, "run", "-", "--state-dir", directory / "state", "--report", directory / "report.json",
                "--s2-stream", servers.STREAM, *server.flags(servers.BASIN), *self.flags]

    def environment(self, server, directory):
        return support.clean_environment(HOME=directory, S2_ACCESS_TOKEN="any")

    def wrong(self, server, directory, events_file, count, whole):
        found = super().wrong(server, directory, events_file, count, whole)
        if found or not whole:
            return found
        return wrong_envelopes(server.read_lines(servers.BASIN, servers.STREAM), events_file)


class RingtailEmbedded(Writer):
    """The same without a basin: into the store inside the process, on the disk."""

    def command(self, server, directory):
        return [support.RINGTAIL, "run", "-", "--state-dir", directory / "state", "--report", directory / "report.json",
                *self.flags]

    def environment(self, server, directory):
        return support.clean_environment(HOME=directory)

    def wrong(self, server, directory, events_file, count, whole):
        report = json.loads((directory / "report.json").read_text())
        if report["durable"] != count:
            return f"not all durable: {report}"
        if not whole:
            return None
        replay = subprocess.run([support.RINGTAIL, "replay", "latest", "--state-dir", directory / "state"],
                                capture_output=True, check=True, env=support.clean_environment(HOME=directory))
        return wrong_envelopes(replay.stdout.splitlines(), events_file)


class RustSdk(Writer):
    program = "writer"

    def command(self, server, directory):
        return [RUST_PEERS / self.program, PLACE, *(["--insecure"] if server.tls else []), *self.flags]


class RustSdkJemalloc(RustSdk):
    program = "writer_jemalloc"


class S2Append(Writer):
    def command(self, server, directory):
        return ["s2", "append", PLACE, *self.flags]


def wrong_envelopes(lines, events_file):
    """None when the events of the file are there once, in order, in one session, with every member unchanged."""
    with open(events_file, "rb") as events:
        expected = [json.loads(line) for line in events]
    if len(lines) != len(expected) + 2:
        return f"{len(lines)} envelopes for {len(expected)} events"
    envelopes = [json.loads(line) for line in lines]
    first, last = envelopes[0], envelopes[-1]
    if (first["event"]["type"], last["event"]["type"]) != ("session_started", "session_ended"):
        return f"the session does not begin and end: {first} {last}"
    for offset, envelope in enumerate(envelopes):
        if envelope["capture_session_id"] != first["capture_session_id"] or envelope["seq"] != first["seq"] + offset:
            return f"not the envelope number {offset} of the session: {envelope}"
    for event, envelope in zip(expected, envelopes[1:-1]):
        if {name: envelope["event"].get(name) for name in event} != event:
            return f"{event} came as {envelope}"
    return None


RINGTAIL = Ringtail("Ringtail")
RINGTAIL_EMBEDDED = RingtailEmbedded("Ringtail")
RUST = RustSdk("Rust SDK")
RUST_SMALL = RustSdk("Rust SDK, 50 records, 100 ms", "--records", "50", "--linger-ms", "100")
RUST_JEMALLOC = RustSdkJemalloc("Rust SDK, jemalloc")
CLI = S2Append("`s2 append`, no parsing")


def check_installed():
    for path in (support.RINGTAIL, *(RUST_PEERS / name for name in ("writer", "writer_jemalloc", "http_load"))):
        if not os.access(path, os.X_OK):
            raise SystemExit(f"bench: {path} is missing: run scripts/bench, which builds it")
