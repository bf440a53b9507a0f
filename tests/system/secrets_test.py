"""Secrets stay secret: what tokens and passwords leave behind, seen from outside the process."""

import json
import pathlib
import re

import support

TOKEN = "canary-token-0123456789abcdef"
PASSWORD = "canary-password-0123456789abcdef"
KEY = "canary-key-0123456789abcdef"
API_TOKEN = "canary-api-token-0123456789abcdef"


def copies_in_memory(pid, text):
    """How often it stands in what the process can write to."""
    count = 0
    maps = pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            begin, end, rights, path = re.match(r"(\w+)-(\w+) (\S+) \S+ \S+ \S+\s*(.*)", line).groups()
            if "w" not in rights or path.startswith(("/dev", "[v")) or "/ring/" in path:
                continue
            try:
                memory.seek(int(begin, 16))
                count += memory.read(int(end, 16) - int(begin, 16)).count(text.encode())
            except OSError:
                continue  # mapped and not there
    return count


class secrets(support.TestCase):
    def assert_unseen(self, agent, *texts):
        process = pathlib.Path(f"/proc/{agent.process.pid}")
        authorized = {"authorization": f"Bearer {API_TOKEN}"}
        seen = {name: (process / name).read_bytes().decode(errors="replace") for name in ("environ", "cmdline", "comm", "status")}
        seen["status.json"] = (self.state_dir / "status.json").read_text()
        for path in ("/status", "/metrics", "/healthz", "/readyz", "/events/capture_session", "/nothing"):
            seen[path] = json.dumps(agent.call("GET", path, headers=authorized))
        seen["log"] = agent.log()
        for text in texts:
            for where, content in seen.items():
                self.assertNotIn(text, content, where)

    def assert_not_on_disk(self, *texts):
        for file in self.state_dir.rglob("*"):
            if file.is_file():
                content = file.read_bytes()
                for text in texts:
                    self.assertNotIn(text.encode(), content, file)

    def deliver(self, agent, authorization=None):
        headers = {"content-type": "application/json", **(authorization or {})}
        status, said = agent.call("POST", "/events/publish", '{"type":"console.log"}', headers)
        self.assertEqual(status, 200, said)
        status, said = agent.call("POST", "/events/flush?timeout=60s", headers=authorization)
        self.assertEqual(status, 200, said)

    def test_of_variables(self):
        store = self.lite()
        agent = self.agent("--start", "--log-level", "trace", *store.flags(store.create_basin()),
                           env={"S2_ACCESS_TOKEN": TOKEN, "S2_ENCRYPTION_KEY": KEY, "RINGTAIL_CORE_DUMPS": "1",
                                "HTTPS_PROXY": f"http://user:{PASSWORD}@127.0.0.1:1"})
        self.deliver(agent)
        self.assert_unseen(agent, TOKEN, KEY, PASSWORD)
        self.assertEqual(agent.terminate(), 0, agent.log())
        self.assertNotIn(TOKEN, agent.log())
        self.assert_not_on_disk(TOKEN, KEY, PASSWORD)

    def test_of_files(self):
        store = self.lite()
        files = {}
        for name, content in (("token", TOKEN), ("api", API_TOKEN)):
            files[name] = self.directory / name
            files[name].write_text(content + "\n")
        agent = self.agent("--start", "--log-level", "trace", *store.flags(store.create_basin()), "--s2-token-file", files["token"],
                           "--api-token-file", files["api"], env={"RINGTAIL_CORE_DUMPS": "1"})
        self.deliver(agent, {"authorization": f"Bearer {API_TOKEN}"})
        self.assert_unseen(agent, TOKEN, API_TOKEN)
        self.assertEqual(agent.terminate(), 0, agent.log())
        for text in (TOKEN, API_TOKEN):
            self.assertNotIn(text, agent.log())
        self.assert_not_on_disk(TOKEN, API_TOKEN)

    def test_memory_holds_no_more_copies_than_it_must(self):
        """Before a connection: the configuration's, and that of who sends it. A password that nothing uses: the configuration's
        and the connector's."""
        if support.SANITIZED:
            self.skipTest("a sanitizer keeps what was freed")
        agent = self.agent("--s2-basin", "some-basin", "--s2-account-endpoint", "http://127.0.0.1:1", "--s2-basin-endpoint",
                           "http://127.0.0.1:1", env={"S2_ACCESS_TOKEN": TOKEN, "S2_ENCRYPTION_KEY": KEY, "RINGTAIL_CORE_DUMPS": "1",
                                                      "HTTPS_PROXY": f"http://user:{PASSWORD}@127.0.0.1:1"})
        found = {text: copies_in_memory(agent.process.pid, text) for text in (TOKEN, KEY, PASSWORD)}
        self.assertLessEqual(found[TOKEN], 2, found)
        self.assertEqual(found[KEY], 0, found)
        self.assertLessEqual(found[PASSWORD], 3, found)


if __name__ == "__main__":
    support.main()
