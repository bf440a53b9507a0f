"""Where settings come from: a TOML file, and variables as env files, supervisors and secrets leave them."""

import json
import os
import resource
import subprocess

import support

EVENT = b'{"type":"console.log","data":1}\n'


class configuration(support.TestCase):
    def deliver(self, *args, env=None, code=0, says=()):
        """Runs one event through; (report or None, log)."""
        report = self.directory / "report"
        state = [] if "RINGTAIL_STATE_DIR" in (env or {}) else ["--state-dir", self.state_dir]
        done = support.run("run", "-", "--report", report, *state, *args, stdin=EVENT, env=env, cwd=self.directory)
        log = done.stderr.decode(errors="replace")
        self.assertEqual(done.returncode, code, log)
        for word in says:
            self.assertIn(word, log)
        return (json.loads(report.read_text()) if report.exists() else None), log

    def config(self, text):
        file = self.directory / "c.toml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return "--config", file

    def test_toml_as_it_is_written(self):
        report, _ = self.deliver(*self.config(
            b'\xef\xbb\xbf# ours\r\ncategories = [\r\n  "console", # what pages say\r\n  "network",\r\n]\r\n'
            b's2-stream = "vm\\u002F{capture_session_id}"\r\nin-flight = 4\r\nstart = true\r\n'))
        self.assertEqual(report["published"], 1)
        self.assertTrue(report["s2_stream"].startswith("vm/"), report)

    def test_a_key_twice_is_refused(self):
        self.deliver(*self.config('s2-stream = "first/{capture_session_id}"\ns2-stream = "second/{capture_session_id}"\n'),
                     code=2, says=["c.toml", "line 2", "s2-stream", "second time"])
        self.assertFalse(self.state_dir.exists())

    def test_what_does_not_hold_is_refused_with_its_line(self):
        self.deliver(*self.config("\nlinger = 5\n"), code=2, says=["c.toml", "line 2", "linger", "duration"])
        self.deliver(*self.config('in-flight = "4"\n'), code=2, says=["c.toml", "line 1", "in-flight", "number"])
        self.deliver(*self.config('lingr = "5s"\n'), code=2, says=["c.toml", "line 1", "lingr", "linger"])
        for wrong in ("sekrit-token\n", "s2-access-token = sekrit\n", 's2-access-token = "sekrit"\n', 'linger = "1s" sekrit\n'):
            _, log = self.deliver(*self.config(wrong), code=2, says=["c.toml", "line 1"])
            self.assertNotIn("sekrit", log)

    def test_flags_win_over_variables_over_the_file(self):
        file = self.config('s2-stream = "file"\nlog-format = "json"\n')
        self.assertEqual(self.deliver(*file)[0]["s2_stream"], "file")
        self.assertEqual(self.deliver(*file, env={"RINGTAIL_S2_STREAM": "variable"})[0]["s2_stream"], "variable")
        report, log = self.deliver(*file, "--s2-stream", "flag", env={"RINGTAIL_S2_STREAM": "variable"})
        self.assertEqual(report["s2_stream"], "flag")
        self.assertTrue(log.startswith("{"), log)

    def test_values_still_in_quotes_are_refused_by_name(self):
        self.deliver(env={"RINGTAIL_STATE_DIR": f'"{self.state_dir}"'}, code=2, says=["RINGTAIL_STATE_DIR", "quotes"])
        self.deliver(env={"RINGTAIL_S2_STREAM": "'vm/{capture_session_id}'"}, code=2, says=["RINGTAIL_S2_STREAM", "quotes"])
        _, log = self.deliver(env={"S2_ACCESS_TOKEN": '"sekrit"'}, code=2, says=["S2_ACCESS_TOKEN", "quotes"])
        self.assertNotIn("sekrit", log)
        self.assertEqual(list(self.directory.iterdir()), [])

    def test_empty_variables_are_not_set(self):
        names = ["S2_BASIN", "S2_ACCESS_TOKEN", "S2_ACCESS_TOKEN_FILE", "S2_ACCOUNT_ENDPOINT", "S2_BASIN_ENDPOINT", "S2_CA_FILE",
                 "S2_SSL_NO_VERIFY", "S2_COMPRESSION", "RINGTAIL_LINGER", "RINGTAIL_LISTEN", "RINGTAIL_SESSION_ID",
                 "RINGTAIL_CATEGORIES", "RINGTAIL_START", "RINGTAIL_CONFIG", "RINGTAIL_FILES", "RINGTAIL_LOG_LEVEL"]
        report, _ = self.deliver(env=dict.fromkeys(names, ""))
        self.assertEqual((report["published"], report["durable"]), (1, 1))

    def test_authorities_that_are_not_there_are_said_at_once(self):
        nowhere = f"http://127.0.0.1:{support.free_port()}"
        self.deliver("--s2-basin", "some-basin", "--s2-account-endpoint", nowhere, "--s2-basin-endpoint", nowhere,
                     env={"S2_CA_FILE": "/nowhere.pem"}, code=5, says=["S2_CA_FILE", "/nowhere.pem", "No such file or directory"])

    def test_where_no_thread_can_be_had_that_is_said(self):
        if os.getuid() != 0:
            self.skipTest("needs root, to be somebody who has no other process")
        self.directory.chmod(0o755)
        self.state_dir.mkdir()
        nobody = 65000 + os.getpid() % 500
        os.chown(self.state_dir, nobody, nobody)

        def alone():
            os.setgroups([])
            os.setgid(nobody)
            os.setuid(nobody)
            resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
        try:
            done = subprocess.run([support.RINGTAIL, "run", "-", "--state-dir", self.state_dir], input=EVENT,
                                  capture_output=True, timeout=support.PATIENCE, env=support.clean_environment(),
                                  preexec_fn=alone)
        except PermissionError:
            self.skipTest("the program is not where others may run it")
        self.assertIn(done.returncode, (1, 5), done.stderr.decode())
        self.assertIn("no thread can be had", done.stderr.decode())
        self.assertIn("ulimit -u", done.stderr.decode())


if __name__ == "__main__":
    support.main()
