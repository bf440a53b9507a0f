"""Real processes for the system tests: ringtail on a state directory of its own, the official `s2 lite` on a free port.

Nothing sleeps for a guessed time: a process is ready when it says so (NOTIFY_SOCKET, /health), and conditions are polled up
to a generous end (PATIENCE), after which the test fails.
"""

import contextlib
import ctypes
import fcntl
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# The program that someone names, else that of the build that runs the tests.
RINGTAIL = os.environ.get("RINGTAIL") or os.environ.get("RINGTAIL_BUILT") or str(ROOT / "build/dev/ringtail")
CAPTURE = ROOT / "tests/data/capture.ndjson"
SANITIZED = bool(os.environ.get("RINGTAIL_SANITIZE"))
PATIENCE = 120.0
OWN_SOURCE = {"kind": "kernel_api", "event": "ringtail"}

os.environ["PATH"] += os.pathsep + os.path.expanduser("~/.cargo/bin")


def until(condition, what, patience=PATIENCE):
    """The first true value of condition(); polls, because the other side is another process."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {patience} s: {what}")
        time.sleep(0.02)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


CLONE_NEWNS = 0x20000
_own_mounts = []


def own_mounts():
    """Gives this process (and its children) a mount namespace, so that what it mounts goes when it ends, however."""
    if not _own_mounts:
        unshared = ctypes.CDLL(None).unshare(CLONE_NEWNS) == 0
        _own_mounts.append(unshared and subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True).returncode == 0)
    return _own_mounts[0]


def clean_environment(**more):
    """Without any variable that could configure ringtail or s2."""
    kept = {k: v for k, v in os.environ.items()
            if not k.startswith(("RINGTAIL_", "S2_", "XDG_STATE", "STATE_DIRECTORY", "CREDENTIALS_", "NOTIFY_"))}
    kept.update({k: str(v) for k, v in more.items()})
    return kept


def run(*args, stdin=b"", env=None, timeout=PATIENCE, cwd=None):
    """A ringtail command to its end."""
    return subprocess.run([RINGTAIL, *map(str, args)], input=stdin, capture_output=True, timeout=timeout, cwd=cwd,
                          env=clean_environment(**(env or {})))


def closed_on_failure(of, action):
    """For constructors: what is not made is not closed by the test's clean-up."""
    try:
        action()
    except BaseException:
        of.close()
        raise


class Agent:
    """A running `ringtail run`; made by TestCase.agent()."""

    def __init__(self, state_dir, *args, env=None, wait=True, stdin=subprocess.DEVNULL, launcher=(), parent=None):
        self.state_dir = pathlib.Path(state_dir)
        self.directory = tempfile.mkdtemp(prefix="rt-agent-", dir=parent)
        self.api_port = free_port()
        self.report_file = pathlib.Path(self.directory) / "report.json"
        self.log_file = pathlib.Path(self.directory) / "log"
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify_path = os.path.join(self.directory, "notify")
        self.notify.bind(notify_path)
        self.notify.settimeout(0.05)
        self.notified = ""
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen(
                [*launcher, RINGTAIL, "run", "--state-dir", str(state_dir), "--listen", f"127.0.0.1:{self.api_port}",
                 "--report", str(self.report_file), *map(str, args)],
                stdin=stdin, stdout=subprocess.DEVNULL, stderr=log,
                env=clean_environment(NOTIFY_SOCKET=notify_path, **(env or {})))
        if wait:
            closed_on_failure(self, self.wait_ready)

    def log(self):
        return self.log_file.read_text(errors="replace")

    def describe(self):
        """For a failure's message."""
        ended = self.process.poll()
        state = "is running" if ended is None else f"ended with {ended}"
        return f"agent {self.process.pid} {state}; its log:\n{self.log()}"

    def read_notifications(self):
        with contextlib.suppress(socket.timeout):
            while True:
                self.notified += self.notify.recv(4096).decode() + "\n"

    def wait_ready(self):
        def ready():
            self.read_notifications()
            if self.process.poll() is not None:
                raise AssertionError("before it was ready: " + self.describe())
            return "READY=1" in self.notified
        until(ready, "READY=1")

    def call(self, method, path, body=None, headers=None):
        """(status, parsed JSON or text)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.api_port, timeout=PATIENCE)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text

    def start_session(self, **members):
        status, body = self.call("POST", "/events/capture_session", json.dumps(members), {"content-type": "application/json"})
        assert status == 201, (status, body)
        return body

    def publish(self, *events):
        body = "".join(json.dumps(e) + "\n" for e in events)
        return self.call("POST", "/events/publish", body, {"content-type": "application/x-ndjson"})

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self):
        """kill -9, of an agent that lived until then."""
        self.process.kill()
        if self.wait() != -signal.SIGKILL:
            raise AssertionError("not by our kill: " + self.describe())

    def wait(self):
        return self.process.wait(PATIENCE)

    def report(self):
        return json.loads(self.report_file.read_text())

    def own_memory(self):
        """Bytes of anonymous memory in use (the mapped ring is not)."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon:"))

    def close(self):
        """Leaves the log, which is the test's directory's to remove."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.notify.close()


class Lite:
    """The official server, in memory or on `local_root`, on a free port; made by TestCase.lite()."""

    def __init__(self, tls=None, local_root=None, parent=None):
        self.directory = tempfile.mkdtemp(prefix="rt-lite-", dir=parent)
        self.port = free_port()
        self.tls = tls
        self.ca = None
        flags = []
        if tls == "self":
            flags = ["--tls-self"]
        elif tls == "ca":
            self.ca, key = make_certificate(self.directory, "localhost")
            flags = ["--tls-cert", self.ca, "--tls-key", key]
        if local_root:
            flags += ["--local-root", str(local_root)]
        self.url = f"http{'s' if tls else ''}://localhost:{self.port}"
        self.log_file = pathlib.Path(self.directory) / "log"
        self.flags_ = flags
        closed_on_failure(self, self.restart)

    def restart(self):
        """Starts it, also again after it was killed, on the same port."""
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(["s2", "lite", "--port", str(self.port), "--no-dashboard", *self.flags_], stdout=log,
                                            stderr=subprocess.STDOUT,
                                            env=clean_environment(SL8_MANIFEST_POLL_INTERVAL="50ms", RUST_LOG="warn"))
        until(self.healthy, "s2 lite /health")

    def healthy(self):
        if self.process.poll() is not None:
            raise AssertionError("s2 lite ended: " + self.log_file.read_text(errors="replace"))
        context = ssl._create_unverified_context() if self.tls else None
        try:
            with urllib.request.urlopen(self.url + "/health", timeout=2, context=context) as answer:
                return answer.status == 200
        except OSError:
            return False

    def variables(self):
        """For the official command line."""
        found = {"S2_ACCOUNT_ENDPOINT": self.url, "S2_BASIN_ENDPOINT": self.url, "S2_ACCESS_TOKEN": "any"}
        if self.tls:
            found["S2_SSL_NO_VERIFY"] = "true"
        return found

    def s2(self, *args, stdin=b""):
        done = subprocess.run(["s2", *map(str, args)], input=stdin, capture_output=True, timeout=PATIENCE,
                              env=clean_environment(HOME=self.directory, **self.variables()))
        assert done.returncode == 0, (args, done.stderr.decode())
        return done.stdout

    def create_basin(self, name="test-basin"):
        self.s2("create-basin", name, "--create-stream-on-append")
        return name

    def flags(self, basin):
        """For `ringtail run`."""
        found = ["--s2-basin", basin, "--s2-account-endpoint", self.url, "--s2-basin-endpoint", self.url]
        if self.tls == "self":
            found.append("--s2-insecure")
        if self.tls == "ca":
            found += ["--s2-ca", self.ca]
        return found

    def read_lines(self, basin, stream):
        """All bodies, by the official reader. Commands go to its standard error."""
        tail = int(self.s2("check-tail", f"s2://{basin}/{stream}").split()[0])
        return self.s2("read", f"s2://{basin}/{stream}", "-s", "0", "-n", tail).splitlines() if tail else []

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.process.kill()  # reaches a stopped process too
        self.process.wait()

    def terminate(self, grace=PATIENCE):
        """It serves open sessions for up to 10 s more; after the grace it is killed."""
        self.process.terminate()
        try:
            self.process.wait(grace)
        except subprocess.TimeoutExpired:
            self.kill()

    def close(self):
        if self.process.poll() is None:
            self.kill()


def make_certificate(directory, name):
    """A self-signed certificate for a name; (certificate file, key file)."""
    certificate, key = os.path.join(directory, "cert.pem"), os.path.join(directory, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    return certificate, key


# --- events

def generated(count, start=1_700_000_000_000_000):
    """NDJSON lines of about 370 bytes as producers write them."""
    filler = "x" * 180
    for n in range(count):
        yield (f'{{"ts":{start + n},"type":"console.log","category":"console","source":{{"kind":"local_process"}},'
               f'"data":{{"n":{n},"level":"info","text":"{filler}","esc":"\\u00e9\\/ \\"q\\"","num":1.50e+3}}}}').encode()


_decoder = json.JSONDecoder()


def members(text):
    """A JSON object's members as raw text, in order: {"name": raw}."""
    found, at = {}, text.index("{") + 1
    space = re.compile(r"[\s,:]*")
    while True:
        at = space.match(text, at).end()
        if text[at] == "}":
            return found
        name, at = _decoder.raw_decode(text, at)
        at = space.match(text, at).end()
        _, end = _decoder.raw_decode(text, at)
        found[name] = text[at:end]
        at = end


def envelope_for(line, session_id, seq):
    """The envelope that the contract asks for, byte for byte, of an event line that has ts and category."""
    raw = members(line)
    raw.setdefault("source", '{"kind":"local_process"}')
    order = ["ts", "type", "category", "source", "detail_level", "url", "data", "truncated"]
    if "source" in raw:
        source = members(raw["source"])
        raw["source"] = "{" + ",".join(f'"{k}":{source[k]}' for k in ("kind", "event", "metadata") if k in source) + "}"
    event = ",".join(f'"{k}":{raw[k]}' for k in order if k in raw)
    return f'{{"capture_session_id":"{session_id}","seq":{seq},"event":{{{event}}}}}'


def is_own(envelope):
    return envelope["event"].get("source") == OWN_SOURCE


class TestCase(unittest.TestCase):
    maxDiff = 2000

    def run(self, result=None):
        """Everything that a test leaves stands in one directory. RINGTAIL_KEEP=1 keeps it where the test fails."""
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="rt-test-"))
        self.state_dir = self.directory / "state"
        failures = len(result.failures) + len(result.errors)
        super().run(result)
        if os.environ.get("RINGTAIL_KEEP") and len(result.failures) + len(result.errors) > failures:
            print(f"{self.id()} failed; logs and states are kept in {self.directory}", flush=True)
        else:
            shutil.rmtree(self.directory, ignore_errors=True)

    def agent(self, *args, **kwargs):
        made = Agent(kwargs.pop("state_dir", self.state_dir), *args, parent=self.directory, **kwargs)
        self.addCleanup(made.close)
        return made

    def lite(self, **kwargs):
        if not shutil.which("s2"):
            self.skipTest("the s2 command is not installed")
        made = Lite(parent=self.directory, **kwargs)
        self.addCleanup(made.close)
        return made

    def small_disk(self, mebibytes):
        """A directory with only so much room."""
        size = mebibytes << 20
        disk = self.directory / "disk"
        disk.mkdir()
        if own_mounts() and subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk],
                                           capture_output=True).returncode == 0:
            self.addCleanup(subprocess.run, ["umount", "-l", disk], check=True)
            return disk
        # A container that may not mount has a small /dev/shm of its own.
        lock = open("/dev/shm/ringtail-tests.lock", "wb")
        self.addCleanup(lock.close)
        fcntl.flock(lock, fcntl.LOCK_EX)
        there = shutil.disk_usage("/dev/shm")
        if there.total > 256 << 20 or there.free < size:
            self.skipTest("a small disk needs the right to mount, or a small /dev/shm")
        disk = pathlib.Path(tempfile.mkdtemp(prefix="rt-disk-", dir="/dev/shm"))
        self.addCleanup(shutil.rmtree, disk)
        with open(disk / "rest", "wb") as rest:
            if there.free > size:
                os.posix_fallocate(rest.fileno(), 0, there.free - size)
        return disk

    def replay(self, target="latest", *args):
        done = run("replay", target, "--state-dir", self.state_dir, *args)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.splitlines()

    def assert_published(self, lines, envelopes, session_id):
        """`envelopes` (bytes) are session_started, each line's envelope byte for byte, in order, once, session_ended."""
        parsed_ends = [json.loads(envelopes[0]), json.loads(envelopes[-1])]
        self.assertEqual([e["event"]["type"] for e in parsed_ends], ["session_started", "session_ended"])
        first = parsed_ends[0]["seq"]
        self.assertEqual(len(envelopes), len(lines) + 2)
        for offset, (line, envelope) in enumerate(zip(lines, envelopes[1:-1]), start=1):
            expected = envelope_for(line.decode(), session_id, first + offset).encode()
            if envelope != expected:
                self.assertEqual(envelope, expected)
        self.assertEqual(parsed_ends[1]["seq"], first + len(lines) + 1)


def main():
    """`--list` prints the tests; a test's name runs it: 0 passed, 77 skipped, 1 failed."""
    loader = unittest.defaultTestLoader
    if sys.argv[1:] == ["--list"]:
        def names(suite):
            for item in suite:
                if isinstance(item, unittest.TestSuite):
                    yield from names(item)
                else:
                    yield item.id().split(".", 1)[1]
        print("\n".join(names(loader.loadTestsFromModule(sys.modules["__main__"]))))
        return
    program = unittest.main(exit=False, verbosity=2, module="__main__")
    result = program.result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if result.skipped and len(result.skipped) == result.testsRun else 0)
