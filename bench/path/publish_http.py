"""Events over the HTTP API: what the agent's one thread takes in, in bodies of 100 events and one by one."""

import json
import subprocess

import agents
import measures
import servers
import writers
from report import Result
from servers import support

HTTP_LOAD = writers.RUST_PEERS / "http_load"
CONNECTIONS = 8
SECONDS = 5
BODY_EVENTS = 100


class Load:
    def __init__(self, said, events_per_request, cpu):
        events = said["requests"] * events_per_request
        self.requests_per_s, self.events_per_s = said["requests"] / said["seconds"], events / said["seconds"]
        self.cores = cpu / said["seconds"]
        self.events_per_core_s = events / cpu
        self.cpu_us = cpu / events * 1e6
        self.p50_ms, self.p99_ms = said["answer_us"]["p50"] / 1000, said["answer_us"]["p99"] / 1000


def load_once(agent, body, content_type, events_per_request):
    before = measures.cpu_of(agent.process.pid)
    done = subprocess.run([HTTP_LOAD, f"127.0.0.1:{agent.port}", "/events/publish", content_type, str(CONNECTIONS),
                           str(SECONDS)], input=body, capture_output=True)
    cpu = measures.cpu_of(agent.process.pid) - before
    if done.returncode != 0:
        raise SystemExit(f"bench: http_load: {done.stderr.decode()}{agent.log_file.read_text()}")
    return Load(json.loads(done.stdout), events_per_request, cpu)


def publish_http(bench):
    """The ring alone (nobody listens where S2 should be, so the oldest events go), and delivering at the same time."""
    lines = bench.events.path.read_bytes().splitlines(keepends=True)[:BODY_EVENTS]
    forms = (("100 events a body", b"".join(lines), "application/x-ndjson", len(lines)),
             ("one event a request", lines[0].rstrip(), "application/json", 1))
    nobody = f"http://localhost:{support.free_port()}"
    nowhere = ["--s2-basin", servers.BASIN, "--s2-account-endpoint", nobody, "--s2-basin-endpoint", nobody]
    rows = []
    for form, body, content_type, count in forms:
        for place, delivering in (("into the ring", False), ("and to `s2 lite` over TLS", True)):
            loads = []
            for _ in range(bench.repeat):
                with servers.lite(tls=True) as server, servers.scratch() as directory:
                    flags = server.flags(servers.BASIN) if delivering else nowhere
                    with agents.Agent(directory, "--start", *flags) as agent:
                        loads.append(load_once(agent, body, content_type, count))

            def middle(what):
                return measures.median([getattr(load, what) for load in loads])
            bench.say(f"{form}, {place}: {middle('events_per_s'):,.0f}/s on {middle('cores'):.2f} cores")
            rows.append([f"{form}, {place}", f"**{middle('events_per_core_s'):,.0f}**", f"{middle('events_per_s'):,.0f}",
                         f"{middle('requests_per_s'):,.0f}", f"{middle('cores'):.2f}", f"{middle('cpu_us'):.2f}",
                         f"{middle('p50_ms'):.2f}", f"{middle('p99_ms'):.2f}"])
    return [Result("publish_http", "HTTP publish",
                   ["requests", "events per second of the agent's CPU", "events/s", "requests/s", "cores the agent took",
                    "CPU µs/event", "answer p50 ms", "answer p99 ms"], rows,
                   f"{CONNECTIONS} kept-alive connections, {SECONDS} s, medians of {bench.repeat} rounds. "
                   "Publishing never waits: what the server does not take in time is dropped from the ring.", [])]
