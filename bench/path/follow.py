"""Follows a stream as a process of its own and tells how old each paced event was when it arrived, so that every writer's
events are timed in the same way: by who reads them, which a server lets happen once they are durable.

    follow.py PORT BASIN STREAM COUNT SECONDS [--tls]     "following", then the ages in microseconds as one JSON array
"""

import http.client
import json
import re
import socket
import ssl
import sys
import time

# An event as paced.line() writes it, in an envelope or not, within a JSON string.
TIME = re.compile(rb'\\"ts\\":(\d+),\\"type\\":\\"bench.paced\\"')
READ_BYTES = 1 << 16
MARGIN = 64  # of a match that may begin in one piece and end in the next


def quick_ack(connection):
    """Not sticky, so again after each read: the server has Nagle's algorithm on and would wait for our delayed ACK."""
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def connect(port, tls, timeout):
    if tls:
        connection = http.client.HTTPSConnection("localhost", port, timeout=timeout, context=ssl._create_unverified_context())
    else:
        connection = http.client.HTTPConnection("localhost", port, timeout=timeout)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def follow(port, basin, stream, count, seconds, tls):
    connection = connect(port, tls, seconds)
    connection.request("GET", f"/v1/streams/{stream}/records?seq_num=0",
                       headers={"s2-basin": basin, "accept": "text/event-stream", "authorization": "Bearer any"})
    answer = connection.getresponse()
    if answer.status != 200:
        raise SystemExit(f"follow: {answer.status} {answer.read().decode()}")
    print("following", flush=True)
    ages, rest = [], b""
    while len(ages) < count:
        piece = answer.read1(READ_BYTES)
        arrived = time.time_ns() // 1000
        quick_ack(connection)
        if not piece:
            raise SystemExit(f"follow: the stream ended after {len(ages)} of {count} events")
        rest += piece
        end = 0
        for match in TIME.finditer(rest):
            ages.append(arrived - int(match.group(1)))
            end = match.end()
        rest = rest[max(end, len(rest) - MARGIN):]
    print(json.dumps(ages))


if __name__ == "__main__":
    port, basin, stream, count, seconds = sys.argv[1:6]
    follow(int(port), basin, stream, int(count), float(seconds), "--tls" in sys.argv)
