"""As much of HTTP/2 as an impolite client needs: heads as literals, bodies as far as the windows allow, nothing finished."""

import select
import socket
import struct

DATA, HEADERS, SETTINGS, WINDOW_UPDATE = 0, 1, 4, 8
END_HEADERS, ACK = 4, 1
INITIAL_WINDOW_SIZE = 4
FRAME_MAX = 16384


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    """HPACK, without a table (RFC 7541, 6.2.2)."""
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


class UnfinishedPosts:
    """`count` POSTs on one connection, of `size` bytes each, the last of which never comes."""

    def __init__(self, port, path, count, size):
        self.left = {stream: size - 1 for stream in range(1, 2 * count, 2)}
        self.windows = {stream: 65535 for stream in self.left}
        self.window, self.initial = 65535, 65535
        self.received = b""
        self.socket = socket.create_connection(("127.0.0.1", port))
        head = b"".join(literal(*field) for field in (
            (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"),
            ("content-type", "application/json"), ("content-length", str(size))))
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0) +
                            b"".join(frame(HEADERS, END_HEADERS, stream, head) for stream in self.left))

    def pump(self):
        """Sends all that the windows allow, until nothing more comes that opens one."""
        while True:
            for stream, left in self.left.items():
                while (room := min(left, self.windows[stream], self.window, FRAME_MAX)) > 0:
                    self.socket.sendall(frame(DATA, 0, stream, b" " * room))
                    left -= room
                    self.windows[stream] -= room
                    self.window -= room
                self.left[stream] = left
            if not select.select([self.socket], [], [], 1)[0]:
                return
            self.hear(self.socket.recv(1 << 16))

    def hear(self, more):
        if not more:
            raise AssertionError("the connection was closed")
        self.received += more
        while len(self.received) >= 9:
            size = int.from_bytes(self.received[:3], "big")
            if len(self.received) < 9 + size:
                return
            kind, flags = self.received[3], self.received[4]
            stream = int.from_bytes(self.received[5:9], "big")
            payload = self.received[9:9 + size]
            self.received = self.received[9 + size:]
            if kind == WINDOW_UPDATE and stream == 0:
                self.window += int.from_bytes(payload, "big")
            elif kind == WINDOW_UPDATE and stream in self.windows:
                self.windows[stream] += int.from_bytes(payload, "big")
            elif kind == SETTINGS and not flags & ACK:
                self.settings(payload)

    def settings(self, payload):
        for at in range(0, len(payload), 6):
            name, value = struct.unpack(">HI", payload[at:at + 6])
            if name == INITIAL_WINDOW_SIZE:
                for stream in self.windows:
                    self.windows[stream] += value - self.initial
                self.initial = value
        self.socket.sendall(frame(SETTINGS, ACK, 0))

    def sent(self, size):
        return sum(size - 1 - left for left in self.left.values())

    def close(self):
        self.socket.close()
