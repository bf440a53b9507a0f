"""Callers can't take the agent over: whatever they open, begin or leave unfinished, it stays small and answers."""

import gzip
import select
import shutil
import socket
import subprocess

import support
from http2_frames import UnfinishedPosts
from publisher import NDJSON

MIB = 1 << 20
BODY = 4 * MIB
MORE_MEMORY_MAX = 64 * MIB  # than an idle agent has
EVENT = b'{"type":"console.log"}'


class callers(support.TestCase):
    def setUp(self):
        self.running = self.agent("--start", "--ndjson-unix", self.directory / "ndjson")
        self.before = self.running.own_memory()

    def connect(self, address=None):
        """Held as long as the test runs, whatever the agent makes of it."""
        one = socket.socket(socket.AF_UNIX if address else socket.AF_INET)
        self.addCleanup(one.close)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 << 10)
        one.settimeout(support.PATIENCE)
        one.connect(str(address) if address else ("127.0.0.1", self.running.api_port))
        return one

    def pour(self, sockets, size):
        """Up to `size` bytes into each, until none takes more."""
        left = {one: size for one in sockets}
        for one in sockets:
            one.setblocking(False)
        while left:
            ready = select.select([], list(left), [], 1)[1]
            if not ready:
                return
            for one in ready:
                try:
                    left[one] -= one.send(b" " * min(left[one], 64 << 10))
                except OSError:
                    left[one] = 0
                if left[one] == 0:
                    del left[one]

    def assert_alive(self, published=1):
        """What must always be answered is, and memory is bounded."""
        self.assertEqual(self.running.call("GET", "/healthz")[0], 200)
        self.assertEqual(self.running.call("GET", "/readyz")[0], 200)
        for _ in range(published):
            status, said = self.running.call("POST", "/events/publish", EVENT)
            self.assertEqual(status, 200, said)
        status, said = self.running.call("POST", "/events/flush?timeout=60s")
        self.assertEqual(status, 200, said)
        if not support.SANITIZED:
            self.assertLess(self.running.own_memory() - self.before, MORE_MEMORY_MAX)

    def test_unfinished_posts_of_one_http2_connection(self):
        posts = UnfinishedPosts(self.running.api_port, "/events/publish", 200, BODY)
        self.addCleanup(posts.close)
        posts.pump()
        self.assertGreaterEqual(posts.sent(BODY), 200 * 65535 - 200, "each has sent what nothing waits for")
        self.assert_alive()

    def post_head(self, size=BODY, kind="application/json"):
        return (f"POST /events/publish HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
                f"Content-Length: {size}\r\n\r\n").encode()

    def test_unfinished_posts_of_many_connections(self):
        held = [self.connect() for _ in range(250)]
        for one in held:
            one.sendall(self.post_head())
        self.pour(held, BODY - 1)
        self.assert_alive()

    def test_unfinished_lines_of_many_bodies(self):
        held = [self.connect() for _ in range(250)]
        for one in held:
            one.sendall(self.post_head(60 * MIB, "application/x-ndjson") + EVENT + b"\n{")
        self.pour(held, BODY - 1)
        self.assert_alive()

    def test_unfinished_lines_of_many_ndjson_connections(self):
        held = [self.connect(self.directory / "ndjson") for _ in range(250)]
        self.pour(held, BODY - 1)
        self.assert_alive()

    def test_idle_connections(self):
        for _ in range(256):
            self.connect()
        self.assert_alive(published=20)

    def test_stalled_bodies(self):
        for _ in range(256):
            self.connect().sendall(self.post_head(10) + b"{")
        self.assert_alive(published=20)

    def test_followers(self):
        """200 stream, the next one is told so, and a flood of connections costs none of them its stream."""
        streaming = []
        for _ in range(200):
            one = self.connect()
            one.sendall(b"GET /events/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertIn(b" 200 ", one.recv(4096).split(b"\r\n")[0])
            streaming.append(one)
        status, said = self.running.call("GET", "/events/stream")
        self.assertEqual((status, said["error"]["code"]), (503, "too_many_clients"))
        for _ in range(100):
            self.connect().sendall(self.post_head(10) + b"{")
        self.assert_alive(published=20)
        for one in streaming:
            heard = b""
            while heard.count(b'"console.log"') < 20:
                more = one.recv(1 << 16)
                self.assertTrue(more, "a follower was cut off")
                heard += more

    def test_head_on_what_get_is_for(self):
        for path in ("/healthz", "/readyz", "/status", "/events/stream"):
            self.assertEqual(self.running.call("HEAD", path), (200, ""), path)

    def test_bodies_come_packed(self):
        lines = b'{"type":"console.log","data":1}\n{"type":"console.log","data":2}\n'
        packed = {"gzip": gzip.compress(lines)}
        if shutil.which("zstd"):
            packed["zstd"] = subprocess.run(["zstd", "-c"], input=lines, capture_output=True, check=True).stdout
        for name, body in packed.items():
            status, said = self.running.call("POST", "/events/publish", body, {**NDJSON, "content-encoding": name})
            self.assertEqual((status, said["accepted"]), (200, 2), said)
        status, said = self.running.call("POST", "/events/publish", lines, {**NDJSON, "content-encoding": "br"})
        self.assertEqual(status, 415, said)
        self.assertIn("br", said["error"]["message"])

    def test_a_bomb_stays_small(self):
        """1 GiB in 1 MiB."""
        body = gzip.compress(b" " * 64 * MIB) * 16
        for kind in ("application/json", "application/x-ndjson"):
            status, said = self.running.call("POST", "/events/publish", body,
                                             {"content-type": kind, "content-encoding": "gzip"})
            self.assertEqual(status, 413, said)
        self.assert_alive()

    def test_a_target_may_be_a_whole_url(self):
        one = self.connect()
        one.sendall(f"GET http://localhost:{self.running.api_port}/healthz HTTP/1.1\r\nHost: localhost\r\n"
                    "Connection: close\r\n\r\n".encode())
        self.assertIn(b" 200 ", one.recv(4096).split(b"\r\n")[0])

    def test_pages_may_call_where_they_are_allowed_to(self):
        origin = {"origin": "https://app.example", "sec-fetch-site": "cross-site"}
        self.assertEqual(self.running.call("GET", "/status", headers=origin)[0], 403)
        allowing = self.agent("--allow-origin", "https://*.example", "--allow-host", "vm.example", "--sse-clients", "1",
                              state_dir=self.directory / "other")
        self.assertEqual(allowing.call("GET", "/status", headers=origin)[0], 200)
        self.assertEqual(allowing.call("GET", "/healthz", headers={"host": "vm.example:1"})[0], 200)
        self.assertEqual(allowing.call("GET", "/healthz", headers={"host": "page.example:1"})[0], 403)
        preflight = {**origin, "access-control-request-method": "POST"}
        self.assertEqual(allowing.call("OPTIONS", "/events/publish", headers=preflight)[0], 204)


if __name__ == "__main__":
    support.main()
