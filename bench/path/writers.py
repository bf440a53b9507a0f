"""What carries NDJSON events from standard input into one S2 stream: Ringtail and its peers, each as its users run it."""

import json
import os

import servers
from servers import support

RUST_WRITER = servers.ROOT / "build/peers/rust/release/writer"
PLACE = f"s2://{servers.BASIN}/{servers.STREAM}"


class Writer:
    """`label` is what tables call it, `key` what the code does. Flags are those beside the place."""

    def __init__(self, key, label, *flags):
        self.key, self.label, self.flags = key, label, flags

    def command(self, server, directory):
        raise NotImplementedError

    def environment(self, server, directory):
        return support.clean_environment(HOME=directory, **server.variables())

    def expected_tail(self, events):
        """The stream's next sequence number when each event was written once."""
        return events


class Ringtail(Writer):
    """Its ring in a state directory on the disk, exactly once, as by default."""

    OWN_RECORDS = 3  # fence, session_started, session_ended

    def command(self, server, directory):
        return [support.RINGTAIL, "run", "-", "--state-dir", directory / "state", "--report", directory / "report.json",
                "--s2-stream", servers.STREAM, *server.flags(servers.BASIN), *self.flags]

    def environment(self, server, directory):
        return support.clean_environment(HOME=directory, S2_ACCESS_TOKEN="any")

    def expected_tail(self, events):
        return events + self.OWN_RECORDS


class RustSdk(Writer):
    def command(self, server, directory):
        return [RUST_WRITER, PLACE, *(["--insecure"] if server.tls else []), *self.flags]


class S2Append(Writer):
    def command(self, server, directory):
        return ["s2", "append", PLACE, *self.flags]


def wrong_read_back(server, events):
    """What is wrong with the stream that Ringtail wrote `events` (a file of lines) to, in words, or None: every event is
    there once, in order, in an envelope of one session, with its data unchanged."""
    with open(events, "rb") as lines:
        expected = [json.loads(line) for line in lines]
    envelopes = [json.loads(line) for line in server.read_lines(servers.BASIN, servers.STREAM)[-len(expected) - 2:]]
    kinds = [envelopes[0]["event"]["type"], envelopes[-1]["event"]["type"]]
    if kinds != ["session_started", "session_ended"]:
        return f"the session does not begin and end: {kinds}"
    first = envelopes[0]
    for offset, envelope in enumerate(envelopes):
        if envelope["capture_session_id"] != first["capture_session_id"] or envelope["seq"] != first["seq"] + offset:
            return f"at {offset}: {envelope['capture_session_id']} {envelope['seq']}"
    for event, envelope in zip(expected, envelopes[1:-1], strict=True):
        carried = {name: envelope["event"].get(name) for name in event}
        if carried != event:
            return f"{event} came as {envelope}"
    return None


RINGTAIL = Ringtail("ringtail", "Ringtail")
RUST = RustSdk("rust", "Rust SDK")
RUST_SMALL = RustSdk("rust-50", "Rust SDK, 50 records, 100 ms", "--records", "50", "--linger-ms", "100")
CLI = S2Append("s2-append", "`s2 append`, no parsing")
BASELINE = RUST


def check_installed():
    for path in (support.RINGTAIL, RUST_WRITER):
        if not os.access(path, os.X_OK):
            raise SystemExit(f"bench: {path} is missing: run scripts/bench, which builds it")
