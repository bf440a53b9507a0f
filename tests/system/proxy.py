"""A TCP proxy in front of a server, for connections that break."""

import contextlib
import random
import socket
import threading
import time


class Proxy:
    """Passes bytes on; can cut each connection after a random number of them, cut all at once, and swallow or delay the answers.

    An error of its threads, other than a connection that is gone, is kept and raised by close().
    """

    def __init__(self, target, at=("127.0.0.1", 0)):
        self.target = target
        self.rng = random.Random()
        self.cut_after = None    # (least, most) bytes of a connection, both ways together
        self.swallowing = False  # what the server answers
        self.delay = 0           # seconds that what the server answers is on its way
        self.cuts = 0
        self.error = None
        self.closed = False
        self.lock = threading.Lock()
        self.threads, self.open = [], set()
        self.listener = socket.create_server(at)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://{at[0]}:{self.port}"
        self.start(self.accept)

    def start(self, work, *args):
        def guarded():
            try:
                work(*args)
            except BaseException as error:
                self.error = self.error or error
        thread = threading.Thread(target=guarded, daemon=True)
        self.threads.append(thread)
        thread.start()
        return thread

    def accept(self):
        while not self.closed:
            try:
                client, _ = self.listener.accept()
            except OSError:
                continue  # gone before it was accepted, or the proxy is closed
            self.start(self.connection, client)

    def connection(self, client):
        with client:
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            with server:
                with self.lock:
                    if self.closed:
                        return
                    self.open |= {client, server}
                    budget = [self.rng.randrange(*self.cut_after)] if self.cut_after else None
                back = self.start(self.pump, server, client, True, budget)
                self.pump(client, server, False, budget)
                back.join()
                with self.lock:
                    self.open -= {client, server}

    def pump(self, source, sink, answers, budget):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.swallowing and answers:
                    continue
                if answers and self.delay:
                    time.sleep(self.delay)
                with self.lock:
                    cut = budget is not None and self.cut_after is not None and len(data) >= budget[0]
                    if budget is not None:
                        data = data[:budget[0]] if cut else data
                        budget[0] -= len(data)
                    self.cuts += cut
                sink.sendall(data)
                if cut:
                    break
        self.shut(source, sink)

    @staticmethod
    def shut(*sockets):
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def stop_cutting(self):
        self.cut_after = None

    def cut(self):
        """All connections, now; afterwards answers pass again."""
        with self.lock:
            self.shut(*self.open)
        self.swallowing = False

    def close(self):
        self.closed = True
        self.shut(self.listener)  # wakes accept()
        self.listener.close()
        self.cut()
        for thread in self.threads:
            thread.join()
        if self.error:
            raise self.error
