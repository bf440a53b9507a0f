"""An HTTP proxy that takes CONNECT, in a thread of the test: whatever is asked for, it leads to one address."""

import contextlib
import socket
import threading

HEAD_MAX = 16384


class ConnectProxy:
    """`target` is (host, port). `answer` is sent instead of a connection; `authorization` is what callers must send."""

    def __init__(self, target, answer=None, authorization=None):
        self.target, self.answer, self.authorization = target, answer, authorization
        self.asked = []  # (request line, {header: value})
        self.carried = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                one = self.listener.accept()[0]
                threading.Thread(target=self._serve, args=(one,), daemon=True).start()

    def _serve(self, one):
        with one, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head and len(head) < HEAD_MAX:
                more = one.recv(HEAD_MAX)
                if not more:
                    return
                head += more
            request, *lines = head.split(b"\r\n\r\n")[0].decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            self.asked.append((request, headers))
            if self.answer is not None:
                one.sendall(self.answer)
                one.recv(1)  # until the caller leaves
                return
            if self.authorization and headers.get("proxy-authorization") != self.authorization:
                one.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n")
                return
            with socket.create_connection(self.target) as other:
                one.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=self._carry, args=(other, one), daemon=True)
                back.start()
                self._carry(one, other)
                back.join()

    def _carry(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
                self.carried += len(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
