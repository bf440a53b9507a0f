"""What others keep for us is replaced while we run, and SIGHUP has it read again: certificates of the server, authorities and
tokens of the agent."""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess

import support
from refused_stream_test import BASIN, RefusingStore

EVENT = {"type": "console.log", "data": 1}


class servers_certificate(support.TestCase):
    def made(self, name):
        directory = self.directory / name
        directory.mkdir()
        return support.make_certificate(str(directory), "localhost")

    def install(self, pair):
        for source, target in zip(pair, (self.certificate, self.key)):
            shutil.copy(source, str(target) + ".new")
            os.replace(str(target) + ".new", target)

    def shown(self):
        """The certificate that a new connection is shown; nothing while nobody listens."""
        anyone = ssl.create_default_context()
        anyone.check_hostname = False
        anyone.verify_mode = ssl.CERT_NONE
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=support.PATIENCE) as below:
                with anyone.wrap_socket(below, server_hostname="localhost") as one:
                    return one.getpeercert(True)
        except ConnectionError:
            return None

    def der(self, pair):
        with open(pair[0], encoding="ascii") as file:
            return ssl.PEM_cert_to_DER_cert(file.read())

    def test_is_read_again(self):
        first, second = self.made("first"), self.made("second")
        self.certificate, self.key = self.directory / "cert.pem", self.directory / "key.pem"
        self.install(first)
        self.port = support.free_port()
        log = self.directory / "log"
        with open(log, "wb") as out:
            server = subprocess.Popen([support.RINGTAIL, "local", "--listen", f"127.0.0.1:{self.port}", "--store", self.directory / "db",
                                       "--tls-cert", self.certificate, "--tls-key", self.key], stdin=subprocess.DEVNULL, stderr=out,
                                      env=support.clean_environment())
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        support.until(self.shown, "it listens")
        self.assertEqual(self.shown(), self.der(first))
        self.install(second)
        self.assertEqual(self.shown(), self.der(first))
        server.send_signal(signal.SIGHUP)
        support.until(lambda: self.shown() == self.der(second), "the second certificate")
        # What does not hold changes nothing, and is said.
        self.key.write_text("no key")
        server.send_signal(signal.SIGHUP)
        support.until(lambda: "the certificate before it stays" in log.read_text(), "the broken key is said")
        self.assertEqual(self.shown(), self.der(second))
        server.terminate()
        self.assertEqual(server.wait(support.PATIENCE), 0)


class agents_authorities(support.TestCase):
    def test_are_read_again(self):
        store = self.lite(tls="ca", local_root=self.directory / "root")
        basin = store.create_basin()
        authorities = self.directory / "authorities.pem"
        shutil.copy(store.ca, authorities)
        agent = self.agent("--start", "--connect-timeout", "60s", "--s2-basin", basin, "--s2-account-endpoint", store.url,
                           "--s2-basin-endpoint", store.url, "--s2-ca", authorities)
        self.assertEqual(agent.publish(EVENT)[1]["accepted"], 1)
        self.assertEqual(agent.call("POST", "/events/flush?timeout=60s")[0], 200)
        # The server comes back with a certificate of another authority.
        store.kill()
        support.make_certificate(store.directory, "localhost")
        store.restart()
        agent.publish(EVENT)
        agent.call("POST", "/events/flush?timeout=10ms")
        support.until(lambda: "certificate" in str(agent.call("GET", "/status")[1]["delivery"]["reason"]), "the certificate is refused")
        shutil.copy(store.ca, str(authorities) + ".new")
        os.replace(str(authorities) + ".new", authorities)
        agent.process.send_signal(signal.SIGHUP)
        status, said = agent.call("POST", "/events/flush?timeout=60s")
        self.assertEqual(status, 200, said)
        self.assertEqual(agent.terminate(), 0, agent.log())


class agents_token(support.TestCase):
    def test_is_rotated_under_load(self):
        """The server takes the old one, then only the new one; what is published meanwhile is there once, in order."""
        store = RefusingStore(self.directory)
        self.addCleanup(store.close)
        store.refuse("token first")
        token = self.directory / "token"
        token.write_text("first\n")
        agent = self.agent("--start", "--idle-close", "1ms", "--s2-basin", BASIN, "--s2-account-endpoint", store.url,
                           "--s2-basin-endpoint", store.url, "--s2-token-file", token)
        count = 0

        def publish():
            nonlocal count
            self.assertEqual(agent.publish({"type": "console.log", "data": count})[1]["accepted"], 1)
            count += 1

        publish()
        self.assertEqual(agent.call("POST", "/events/flush?timeout=60s")[0], 200)
        self.assertEqual(store.refused(), 0)
        store.refuse("token second")
        # Sessions that end when they are idle begin again with the old one, and are refused.
        support.until(lambda: publish() or store.refused() > 0, "the old token is refused")
        (self.directory / "token.new").write_text("second\n")
        (self.directory / "token.new").rename(token)
        agent.process.send_signal(signal.SIGHUP)
        for _ in range(20):
            publish()
        # A refused agent answers at once, and tries again because of it.
        support.until(lambda: agent.call("POST", "/events/flush?timeout=60s")[0] == 200, "all is durable with the new token")
        session = agent.call("GET", "/status")[1]["session_id"]
        self.assertEqual(agent.terminate(), 0, agent.log())
        done = support.run("replay", f"s2://{BASIN}/{session}", "--s2-account-endpoint", store.url, "--s2-basin-endpoint", store.url,
                           "--state-dir", self.directory / "reader", env={"S2_ACCESS_TOKEN": "second"})
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        envelopes = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([e["event"]["data"] for e in envelopes if not support.is_own(e)], list(range(count)))


if __name__ == "__main__":
    support.main()
