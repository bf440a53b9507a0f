#!/usr/bin/env python3
"""Starts an S2 server on a free port, runs a program against it, stops the server by its pid.

    run_with.py lite|local [--tls] [--ringtail PATH] -- PROGRAM [ARGUMENT...]

`lite` is the official `s2 lite`, `local` is `ringtail local`. The program gets RINGTAIL_CONFORMANCE_ENDPOINT, and
RINGTAIL_CONFORMANCE_INSECURE=1 where the certificate is self-signed. Exit 77: the server is not installed.
"""

import argparse
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

SKIPPED = 77
READY_WITHIN_S = 20
STOP_WITHIN_S = 12


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command_for(options, port):
    if options.server == "lite":
        program = shutil.which("s2")
        if not program:
            return None, "the official `s2` is not on the PATH"
        return [program, "lite", "--port", str(port)] + (["--tls-self"] if options.tls else []), None
    ringtail = os.path.abspath(options.ringtail)
    if not os.path.isfile(ringtail):
        return None, "`ringtail` has not been built"
    return [ringtail, "local", "--listen", f"127.0.0.1:{port}", "--store", "store.db"] + (
        ["--tls-self"] if options.tls else []), None  # in the scratch directory


def wait_until_healthy(url, server):
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusting))
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            return False
        try:
            with opener.open(url + "/health", timeout=2) as answer:
                if answer.status == 200:
                    return True
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.02)
    return False


def stop(server):
    if server.poll() is not None:
        return
    server.terminate()
    try:
        server.wait(STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("server", choices=["lite", "local"])
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--ringtail", default="", help="its program, unless the variable RINGTAIL names another")
    parser.add_argument("program", nargs="+")
    options = parser.parse_args()
    options.ringtail = os.environ.get("RINGTAIL") or options.ringtail

    port = free_port()
    command, missing = command_for(options, port)
    if not command:
        print(f"SKIP: {missing}")
        return SKIPPED
    scheme = "https" if options.tls else "http"
    # The self-signed certificate names localhost; the port is on 127.0.0.1.
    url = f"{scheme}://localhost:{port}" if options.tls else f"http://127.0.0.1:{port}"
    environment = dict(os.environ, SL8_MANIFEST_POLL_INTERVAL="50ms", RUST_LOG="warn")
    with tempfile.TemporaryFile() as log, tempfile.TemporaryDirectory() as scratch:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=scratch)
        try:
            healthy = wait_until_healthy(url, server)
            if healthy:
                told = dict(os.environ, RINGTAIL_CONFORMANCE_ENDPOINT=url)
                if options.tls:
                    told["RINGTAIL_CONFORMANCE_INSECURE"] = "1"
                outcome = subprocess.run(options.program, env=told).returncode
            else:
                print(f"{' '.join(command)}: not healthy within {READY_WITHIN_S} s")
                outcome = 1
        finally:
            stop(server)
        if outcome != 0:
            log.seek(0)
            sys.stdout.write(log.read()[-20000:].decode(errors="replace"))
        return outcome


sys.exit(main())
