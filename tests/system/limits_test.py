"""Full tables: what can't be taken is refused in words, nothing ends the agent, and all is delivered when S2 is back."""

import json
import subprocess
import urllib.request

import support

SESSIONS_MAX = 256


class undelivered_sessions(support.TestCase):
    def flags(self, basin, port):
        url = f"http://127.0.0.1:{port}"
        return ["--s2-basin", basin, "--s2-account-endpoint", url, "--s2-basin-endpoint", url, "--shutdown-timeout", "300ms"]

    def serve(self, basin, port):
        """`ringtail local` where S2 was away, with the basin."""
        log = open(self.directory / basin, "wb")
        self.addCleanup(log.close)
        server = subprocess.Popen(
            [support.RINGTAIL, "local", "--listen", f"127.0.0.1:{port}", "--store", str(self.directory / f"{basin}.db")],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=support.clean_environment())
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        url = f"http://127.0.0.1:{port}"

        def healthy():
            try:
                with urllib.request.urlopen(url + "/health", timeout=2) as answer:
                    return answer.status == 200
            except OSError:
                return False
        support.until(healthy, "ringtail local /health")
        made = urllib.request.Request(url + "/v1/basins", json.dumps({"basin": basin}).encode(),
                                      {"content-type": "application/json", "authorization": "Bearer any"}, method="POST")
        with urllib.request.urlopen(made, timeout=support.PATIENCE) as answer:
            self.assertIn(answer.status, (200, 201))

    def leave_undelivered(self, agent):
        """As many sessions as may be, each with an event that S2 lacks."""
        ids = []
        for n in range(SESSIONS_MAX):
            ids.append(agent.start_session()["id"])
            self.assertEqual(agent.publish({"type": "page_load", "data": n})[0], 200)
            status, _ = agent.call("DELETE", "/events/capture_session?timeout=1ms")
            self.assertEqual(status, 504)
        return ids

    def replayed(self, basin, stream, port):
        url = f"http://127.0.0.1:{port}"
        done = support.run("replay", f"s2://{basin}/{stream}", "--state-dir", self.state_dir,
                           env={"S2_ACCOUNT_ENDPOINT": url, "S2_BASIN_ENDPOINT": url, "S2_ACCESS_TOKEN": "any"})
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_the_257th_is_refused_and_all_are_delivered_when_s2_is_back(self):
        port, elsewhere = support.free_port(), support.free_port()
        here, there = self.flags("basin-one", port), self.flags("basin-two", elsewhere)
        agent = self.agent(*here)
        ids = self.leave_undelivered(agent)
        status, body = agent.call("POST", "/events/capture_session", "{}", {"content-type": "application/json"})
        self.assertEqual((status, body["error"]["code"]), (503, "too_many_sessions"))
        self.assertIn("256", body["error"]["message"])
        self.assertEqual(agent.terminate(), 3)

        # A new one must start, and can't: nothing of its input is read.
        events = self.directory / "events"
        events.write_bytes(b'{"type":"page_load"}\n' * 1000)
        with open(events, "rb") as given:
            done = subprocess.run([support.RINGTAIL, "run", "-", "--state-dir", str(self.state_dir), *here], stdin=given,
                                  capture_output=True, timeout=support.PATIENCE, env=support.clean_environment())
            self.assertEqual(given.seek(0, 1), 0)
        log = done.stderr.decode()
        self.assertEqual(done.returncode, 3, log)
        self.assertIn(f"owed to basin-one at http://127.0.0.1:{port} (256 streams)", log)

        # One of them goes on at another place, is killed, and goes on at the first again.
        agent = self.agent(*there)
        self.assertEqual(agent.start_session(id=ids[7])["storage"]["basin"], "basin-two")
        agent.kill()
        agent = self.agent(*there)
        status, body = agent.call("GET", "/events/capture_session")
        self.assertEqual((status, body["id"], body["storage"]["basin"]), (200, ids[7], "basin-two"))
        agent.kill()
        agent = self.agent(*here)
        status, body = agent.call("GET", "/events/capture_session")
        self.assertEqual((status, body["id"], body["storage"]["basin"]), (200, ids[7], "basin-one"))
        agent.call("DELETE", "/events/capture_session?timeout=1ms")
        agent.kill()

        # S2 is back: the older ones are delivered first, then what is given.
        self.serve("basin-one", port)
        here[-1] = "60s"
        with open(events, "rb") as given:
            done = subprocess.run([support.RINGTAIL, "run", "-", "--state-dir", str(self.state_dir), *here], stdin=given,
                                  capture_output=True, timeout=support.PATIENCE, env=support.clean_environment())
        self.assertIn("they are delivered before a new one starts", done.stderr.decode())
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        for n in (0, 7, 100, SESSIONS_MAX - 1):
            seen = [e["event"].get("data") for e in self.replayed("basin-one", ids[n], port) if not support.is_own(e)]
            self.assertEqual(seen, [n])


if __name__ == "__main__":
    support.main()
