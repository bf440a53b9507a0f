"""200 SSE clients at 1,000 events a second: what each client costs per event."""

import selectors
import socket
import threading

import agents
import measures
import paced
import servers
from report import Result
from servers import support

CLIENTS = 200
RATE = 1000
EVENTS_A_BODY = 10
SECONDS = 10
EVENT_MARK = b"\nid: "
READ_BYTES = 1 << 18


class Clients(threading.Thread):
    """Reads all of them until each has had `wanted` events; `received` counts them."""

    def __init__(self, port, count, wanted):
        super().__init__(daemon=True)
        self.wanted, self.failure = wanted, None
        self.received = [0] * count
        self.selector = selectors.DefaultSelector()
        for number in range(count):
            client = socket.create_connection(("127.0.0.1", port))
            client.sendall(b"GET /events/stream HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n")
            head = client.recv(4096)  # it begins to follow before it answers
            if not head.startswith(b"HTTP/1.1 200 "):
                raise SystemExit(f"bench: /events/stream was answered with {head!r}")
            client.setblocking(False)
            self.selector.register(client, selectors.EVENT_READ, [number, head[-len(EVENT_MARK):]])

    def run(self):
        left = len(self.received)
        buffer = bytearray(READ_BYTES)
        while left:
            for key, _ in self.selector.select(support.PATIENCE):
                count = key.fileobj.recv_into(buffer)
                number, rest = key.data
                if count == 0:
                    self.failure = f"client {number} was closed after {self.received[number]} events"
                    return
                piece = rest + buffer[:count]
                found = piece.count(EVENT_MARK)
                key.data[1] = piece[-len(EVENT_MARK) + 1:]  # a mark that is cut is found with the next piece
                before = self.received[number]
                self.received[number] = before + found
                left -= before < self.wanted <= self.received[number]

    def close(self):
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()


def run_once(clients):
    """Seconds of the agent's CPU for all events, with so many clients; each must have had every event."""
    count = RATE * SECONDS
    nobody = f"http://localhost:{support.free_port()}"
    with servers.scratch() as directory, agents.Agent(
            directory, "--start", "--s2-basin", servers.BASIN, "--s2-account-endpoint", nobody,
            "--s2-basin-endpoint", nobody) as agent:
        reading = Clients(agent.port, clients, count)
        reading.start()
        before = measures.cpu_of(agent.process.pid)
        paced.pace(RATE // EVENTS_A_BODY, SECONDS, lambda number: agent.publish(
            b"".join(paced.line(number * EVENTS_A_BODY + n) for n in range(EVENTS_A_BODY))))
        reading.join(support.PATIENCE)
        cpu = measures.cpu_of(agent.process.pid) - before
        short = [n for n, received in enumerate(reading.received) if received < count]
        if reading.failure or short:
            raise SystemExit(f"bench: {reading.failure or f'{len(short)} clients had too few events'}")
        reading.close()
        return cpu


def live_clients(bench):
    without = measures.median([run_once(0) for _ in range(bench.repeat)])
    found = []
    for _ in range(bench.repeat):
        found.append(run_once(CLIENTS))
        bench.say(f"{CLIENTS} clients: {found[-1]:.2f} s of CPU, {without:.2f} s without")
    count = RATE * SECONDS
    each = (measures.median(found) - without) / count / CLIENTS * 1e6
    return [Result("live_clients", f"{CLIENTS} SSE clients at {RATE:,} events/s",
                   ["CPU µs per client and event", "agent's share of a core", "without clients"],
                   [[f"**{each:.2f}**", f"{measures.median(found) / SECONDS:.2f}", f"{without / SECONDS:.2f}"]],
                   f"{SECONDS} s, medians of {bench.repeat} rounds; every client received every event.", [])]
