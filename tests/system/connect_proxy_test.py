"""HTTPS_PROXY and NO_PROXY: everything that dials S2 goes through the proxy, and says so where it can't."""

import base64
import json

import support
from connect_proxy import ConnectProxy

EVENT = b'{"type":"console.log","data":1}\n'
PASSWORD = "pass-word-0123456789"


class connect_proxy(support.TestCase):
    def setUp(self):
        self.store = self.lite(tls="self")
        self.basin = self.store.create_basin()
        # A name that nobody but the proxy can lead to.
        self.url = f"https://store.invalid:{self.store.port}"
        self.flags = ["--s2-basin", self.basin, "--s2-account-endpoint", self.url, "--s2-basin-endpoint", self.url,
                      "--s2-insecure"]

    def proxy(self, **how):
        made = ConnectProxy(("localhost", self.store.port), **how)
        self.addCleanup(made.close)
        return made

    def run_one(self, *args, code=0, **env):
        done = support.run("run", "-", "--state-dir", self.state_dir, "--report", self.directory / "report", *self.flags, *args,
                           stdin=EVENT, env={"S2_ACCESS_TOKEN": "any", **env})
        self.assertEqual(done.returncode, code, done.stderr.decode())
        return json.loads((self.directory / "report").read_text()), done.stderr.decode()

    def test_run_check_and_replay_go_through_it(self):
        proxy = self.proxy()
        env = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}", "S2_ACCESS_TOKEN": "any"}
        report, _ = self.run_one(**env)
        self.assertEqual((report["published"], report["durable"]), (1, 1))
        self.assertEqual({request for request, _ in proxy.asked}, {f"CONNECT store.invalid:{self.store.port} HTTP/1.1"})
        self.assertEqual(len(self.store.read_lines(self.basin, report["s2_stream"])), 3)
        asked = len(proxy.asked)
        shown = support.run("replay", f"s2://{self.basin}/{report['s2_stream']}", "--state-dir", self.state_dir, *self.flags[2:], env=env)
        self.assertEqual((shown.returncode, shown.stdout.count(b"\n")), (0, 3), shown.stderr)
        self.assertGreater(len(proxy.asked), asked)
        asked = len(proxy.asked)
        checked = support.run("check", "--state-dir", self.state_dir, *self.flags, env=env)
        self.assertEqual(checked.returncode, 0, checked.stdout)
        self.assertIn(f"127.0.0.1:{proxy.port}", checked.stdout.decode())
        self.assertGreater(len(proxy.asked), asked)

    def test_user_and_password_reach_it_and_nobody_else(self):
        expected = "Basic " + base64.b64encode(f"us@er:{PASSWORD}".encode()).decode()
        proxy = self.proxy(authorization=expected)
        env = {"https_proxy": f"http://us%40er:{PASSWORD}@127.0.0.1:{proxy.port}", "HTTPS_PROXY": "http://127.0.0.1:1"}
        report, log = self.run_one("--log-level", "trace", **env)
        self.assertEqual(report["durable"], 1)
        checked = support.run("check", "--state-dir", self.state_dir, *self.flags, env=env)
        self.assertIn("with a user and password", checked.stdout.decode())
        for said in (log, json.dumps(report), checked.stdout.decode(), checked.stderr.decode()):
            self.assertNotIn(PASSWORD, said)
            self.assertNotIn(expected.split()[1], said)

    def test_what_it_answers_is_said(self):
        for answer, words in ((b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", ["407", "user and password"]),
                              (b"HTTP/1.1 403 Forbidden\r\n\r\n", ["403 Forbidden", "NO_PROXY"]),
                              (b"SSH-2.0-x\r\n", ["not HTTP"])):
            proxy = self.proxy(answer=answer)
            env = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"}
            checked = support.run("check", "--state-dir", self.state_dir, *self.flags, env=env)
            self.assertEqual(checked.returncode, 1, checked.stdout)
            for word in [*words, f"the proxy 127.0.0.1:{proxy.port}"]:
                self.assertIn(word, checked.stdout.decode())

    def test_it_is_tried_again_like_every_dial(self):
        proxy = self.proxy(answer=b"HTTP/1.1 503 Later\r\n\r\n")
        agent = self.agent("--start", *self.flags, env={"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"})
        agent.publish({"type": "console.log"})
        support.until(lambda: len(proxy.asked) > 1, "another try")
        self.assertIn("503 Later", json.dumps(agent.call("GET", "/status")[1]))
        proxy.answer = None
        status, said = agent.call("POST", "/events/flush?timeout=60s")
        self.assertEqual(status, 200, said)
        self.assertEqual(agent.terminate(), 0, agent.log())

    def test_one_that_says_nothing_is_left_at_the_connect_timeout(self):
        proxy = self.proxy(answer=b"")
        agent = self.agent("--start", "--connect-timeout", "200ms", *self.flags, env={"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"})
        agent.publish({"type": "console.log"})
        support.until(lambda: len(proxy.asked) > 1, "another try")
        proxy.answer = None
        self.assertEqual(agent.call("POST", "/events/flush?timeout=60s")[0], 200)

    def test_who_is_listed_needs_none(self):
        proxy = self.proxy(answer=b"HTTP/1.1 403 Forbidden\r\n\r\n")
        self.flags = self.store.flags(self.basin)
        report, _ = self.run_one(HTTPS_PROXY=f"http://127.0.0.1:{proxy.port}", NO_PROXY="10.0.0.0/8, localhost")
        self.assertEqual((report["durable"], proxy.asked), (1, []))

    def test_loopback_is_no_exception_by_itself(self):
        proxy = self.proxy()
        self.flags = self.store.flags(self.basin)
        self.run_one(HTTPS_PROXY=f"http://127.0.0.1:{proxy.port}")
        self.assertNotEqual(proxy.asked, [])

    def test_one_of_another_kind_is_refused(self):
        for url in (f"https://u:{PASSWORD}@127.0.0.1:1", f"socks5://u:{PASSWORD}@127.0.0.1:1"):
            done = support.run("run", "-", "--state-dir", self.state_dir, *self.flags, stdin=EVENT, env={"HTTPS_PROXY": url})
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(b"HTTPS_PROXY", done.stderr)
            self.assertNotIn(PASSWORD.encode(), done.stderr)


if __name__ == "__main__":
    support.main()
