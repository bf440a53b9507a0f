"""A stream on which nothing comes for longer than any patience of clients, servers and what lies between them."""

import subprocess
import time

import support

QUIET = 75  # seconds; what is tested is that they pass


class quiet_stream(support.TestCase):
    def local(self):
        port = support.free_port()
        server = subprocess.Popen([support.RINGTAIL, "local", "--listen", f"127.0.0.1:{port}", "--store", self.directory / "db"],
                                  stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=support.clean_environment())
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        url = f"http://127.0.0.1:{port}"
        env = support.clean_environment(S2_ACCOUNT_ENDPOINT=url, S2_BASIN_ENDPOINT=url, S2_ACCESS_TOKEN="any", HOME=self.directory)
        support.until(lambda: subprocess.run(["s2", "create-basin", "test-basin", "--create-stream-on-append"], capture_output=True,
                                             timeout=support.PATIENCE, env=env).returncode == 0, "a basin in the local store")
        return ["--s2-basin", "test-basin", "--s2-account-endpoint", url, "--s2-basin-endpoint", url]

    def follow(self, name, flags):
        """An agent that keeps its append session, and who follows its stream: (agent, lines shown so far)."""
        state = self.directory / name
        agent = self.agent("--start", "--idle-close", "5m", *flags, state_dir=state)
        agent.publish({"type": "console.log", "data": 1})
        self.assertEqual(agent.call("POST", "/events/flush?timeout=60s")[0], 200)
        shown = self.directory / (name + ".shown")
        with open(shown, "wb") as out:
            tail = subprocess.Popen([support.RINGTAIL, "tail", "latest", "--state-dir", state], stdout=out, stderr=subprocess.DEVNULL,
                                    env=support.clean_environment(S2_ACCESS_TOKEN="any"))
        self.addCleanup(tail.wait)
        self.addCleanup(tail.kill)

        def events():
            self.assertIsNone(tail.poll(), "the follower ended")
            return shown.read_bytes().count(b'"type":"console.log"')

        support.until(lambda: events() == 1, "the follower shows what is there")
        return agent, events

    def test_its_next_event_reaches_everybody(self):
        store = self.lite()  # skips without the official server
        followed = {"local": self.follow("local", self.local()),
                    "lite": self.follow("lite", store.flags(store.create_basin()))}
        time.sleep(QUIET)
        for name, (agent, events) in followed.items():
            with self.subTest(store=name):
                self.assertEqual(events(), 1)
                agent.publish({"type": "console.log", "data": 2})
                self.assertEqual(agent.call("POST", "/events/flush?timeout=60s")[0], 200)
                support.until(lambda shown=events: shown() == 2, "the follower shows the next event")
                self.assertEqual(agent.terminate(), 0, agent.log())


if __name__ == "__main__":
    support.main()
