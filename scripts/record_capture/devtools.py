"""The DevTools protocol over a WebSocket, as far as a recording needs it, and the browser that it drives."""

import base64
import collections
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import time

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--remote-debugging-port=0", "--window-size=800,600")


class web_socket:
    def __init__(self, host, port, path, deadline):
        self.deadline = deadline
        self.socket = socket.create_connection((host, port), self.left())
        self.buffer = b""
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        while b"\r\n\r\n" not in self.buffer:
            self.fill()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise RuntimeError(f"the browser refused the WebSocket: {head!r}")

    def left(self):
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the recording took too long")
        return seconds

    def fill(self):
        self.socket.settimeout(self.left())
        piece = self.socket.recv(1 << 16)
        if not piece:
            raise EOFError("the browser closed the connection")
        self.buffer += piece

    def take(self, count):
        while len(self.buffer) < count:
            self.fill()
        piece, self.buffer = self.buffer[:count], self.buffer[count:]
        return piece

    def send(self, payload, opcode=1):
        length = len(payload)
        if length < 126:
            head = struct.pack(">BB", 0x80 | opcode, 0x80 | length)
        elif length < 1 << 16:
            head = struct.pack(">BBH", 0x80 | opcode, 0x80 | 126, length)
        else:
            head = struct.pack(">BBQ", 0x80 | opcode, 0x80 | 127, length)
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        self.socket.settimeout(self.left())
        self.socket.sendall(head + mask + masked)

    def receive(self):
        message = b""
        while True:
            first, second = self.take(2)
            length = second & 0x7F
            if length == 126:
                length = struct.unpack(">H", self.take(2))[0]
            elif length == 127:
                length = struct.unpack(">Q", self.take(8))[0]
            payload = self.take(length)
            opcode = first & 0x0F
            if opcode == 8:
                raise EOFError("the browser closed the connection")
            if opcode == 9:
                self.send(payload, opcode=10)
            elif opcode != 10:
                message += payload
                if first & 0x80:
                    return message

    def close(self):
        self.socket.close()


class browser:
    """A Chromium of its own, in a directory of its own, which end with it."""

    def __init__(self, executable, seconds_max):
        self.deadline = time.monotonic() + seconds_max
        self.profile = pathlib.Path(tempfile.mkdtemp(prefix="record-capture-"))
        self.process = None
        self.events = collections.deque()
        self.session = None
        self.last_id = 0
        try:
            self.process = subprocess.Popen([executable, *FLAGS, f"--user-data-dir={self.profile}", "about:blank"],
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            port, path = self.where_it_listens()
            self.wire = web_socket("127.0.0.1", port, path, self.deadline)
        except BaseException:
            self.end()
            raise

    def where_it_listens(self):
        file = self.profile / "DevToolsActivePort"
        while time.monotonic() < self.deadline:
            lines = file.read_text().splitlines() if file.exists() else []
            if len(lines) == 2:
                return int(lines[0]), lines[1]
            if self.process.poll() is not None:
                raise RuntimeError(f"the browser ended with {self.process.returncode} before it listened")
            time.sleep(0.05)
        raise TimeoutError("the browser did not begin to listen")

    def open_page(self):
        self.target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]

    def receive(self):
        message = json.loads(self.wire.receive())
        if "method" in message and message.get("sessionId") == self.session:
            self.events.append((message["method"], message["params"]))
        return message

    def call(self, method, **params):
        self.last_id += 1
        request = {"id": self.last_id, "method": method, "params": params}
        if self.session:
            request["sessionId"] = self.session
        self.wire.send(json.dumps(request).encode())
        while True:
            message = self.receive()
            if message.get("id") == self.last_id:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return message["result"]

    def evaluate(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        return answer["result"].get("value")

    def wait_for(self, method):
        """Until the event has come; what came before it stays to be taken."""
        seen = 0
        while True:
            while seen < len(self.events):
                if self.events[seen][0] == method:
                    return
                seen += 1
            self.receive()

    def take_events(self):
        while self.events:
            yield self.events.popleft()

    def end(self):
        """In order, else by force; only the process started here."""
        if hasattr(self, "wire"):
            try:
                self.session = None
                self.wire.deadline = time.monotonic() + 3
                self.call("Browser.close")
            except (OSError, EOFError, RuntimeError):
                pass  # it is ended below
            self.wire.close()
        if self.process:
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        shutil.rmtree(self.profile, ignore_errors=True)
