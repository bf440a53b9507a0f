"""Stopping beside others: producers' last words, signals that were meant for somebody else, a log that nobody reads."""

import fcntl
import json
import os
import pathlib
import pty
import signal
import socket
import subprocess

import support


def line(n):
    return b'{"type":"console.log","data":%d}\n' % n


class last_words(support.TestCase):
    """A producer that is stopped together with the agent says its last words behind the signal."""

    def order_to_stop(self, agent):
        agent.process.send_signal(signal.SIGTERM)

        def stopping():
            agent.read_notifications()
            return "STOPPING=1" in agent.notified
        support.until(stopping, "STOPPING=1")

    def stop_and_say(self, agent, say):
        """The words come once the agent says that it is stopping."""
        self.order_to_stop(agent)
        say()
        self.assertEqual(agent.wait(), 0, agent.log())

    def numbers(self):
        parsed = [json.loads(e) for e in self.replay()]
        return [e["event"]["data"] for e in parsed if not support.is_own(e)]

    def test_of_a_pipe(self):
        agent = self.agent("-", "--input-grace", "1h", "--shutdown-timeout", "24h", stdin=subprocess.PIPE)
        agent.process.stdin.write(line(1))
        agent.process.stdin.flush()

        def say():
            agent.process.stdin.write(line(2) + line(3))
            agent.process.stdin.close()
        self.stop_and_say(agent, say)
        self.assertEqual(self.numbers(), [1, 2, 3])

    def test_of_a_socket(self):
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        agent = self.agent("-", "--input-grace", "1h", "--shutdown-timeout", "24h", stdin=theirs)
        theirs.close()
        ours.sendall(line(1))

        def say():
            ours.sendall(line(2) + b'{"type":"console.log","data":3}')
            ours.close()
        self.stop_and_say(agent, say)
        self.assertEqual(self.numbers(), [1, 2, 3])

    def test_of_ndjson_connections(self):
        path = str(self.directory / "events")
        agent = self.agent("--start", "--ndjson-unix", path, "--input-grace", "1h", "--shutdown-timeout", "24h")
        with socket.socket(socket.AF_UNIX) as early, socket.socket(socket.AF_UNIX) as idle:
            early.connect(path)
            idle.connect(path)
            for n, each in enumerate((early, idle)):
                each.sendall(line(n))
            support.until(lambda: agent.call("GET", "/status")[1]["published"] == 2, "both are taken")

            def say():
                early.sendall(line(2))
                early.close()
                idle.close()
            self.stop_and_say(agent, say)
        self.assertEqual(sorted(self.numbers()), [0, 1, 2])

    def test_who_never_ends_is_not_waited_for_without_end(self):
        agent = self.agent("-", "--input-grace", "100ms", stdin=subprocess.PIPE)
        self.addCleanup(agent.process.stdin.close)
        self.assertEqual(agent.terminate(), 0, agent.log())

    def test_a_second_signal_ends_the_wait(self):
        agent = self.agent("-", "--input-grace", "1h", "--shutdown-timeout", "24h", stdin=subprocess.PIPE)
        self.addCleanup(agent.process.stdin.close)
        self.order_to_stop(agent)
        agent.process.send_signal(signal.SIGTERM)
        self.assertIn(agent.wait(), (0, 3), agent.log())  # the delivery is not waited for either


def full_pipe():
    """Its two ends; nothing more goes in."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    for size in (4096, 1):
        try:
            while True:
                os.write(writer, b"x" * size)
        except BlockingIOError:
            pass
    os.set_blocking(writer, True)
    return reader, writer


class nobody_reads(support.TestCase):
    """Whoever holds the other end of standard error or output hangs. The agent does not."""

    def run_with(self, *args, stdin=line(1), **ends):
        return subprocess.run([support.RINGTAIL, "run", *map(str, args)], input=stdin, timeout=support.PATIENCE,
                              env=support.clean_environment(), **ends)

    def test_a_log_that_nobody_reads(self):
        reader, writer = full_pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        report = self.directory / "report"
        done = self.run_with("-", "--state-dir", self.state_dir, "--report", report, stderr=writer)
        self.assertEqual((done.returncode, json.loads(report.read_text())["durable"]), (0, 1))
        done = self.run_with("-", "--no-such-flag", stderr=writer)
        self.assertEqual(done.returncode, 2)

    def test_a_report_that_nobody_reads(self):
        reader, writer = full_pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        done = self.run_with("-", "--state-dir", self.state_dir, "--report", "-", stdout=writer, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"cannot write the report to -", done.stderr)


class signals(support.TestCase):
    def test_one_that_was_meant_for_somebody_else_does_not_kill(self):
        agent = self.agent("--start")
        for each in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF, signal.SIGIO,
                     signal.SIGPIPE, signal.SIGXFSZ, 16, signal.SIGRTMIN, signal.SIGRTMAX):
            agent.process.send_signal(each)

        def told():
            self.assertIsNone(agent.process.poll(), agent.describe())
            return f"signal {int(signal.SIGRTMAX)} " in agent.log()
        support.until(told, "the last one is logged")
        self.assertEqual(agent.call("GET", "/healthz")[0], 200)
        self.assertEqual(agent.terminate(), 0, agent.log())

    def test_orders_to_leave(self):
        for each in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGPWR, signal.SIGXCPU):
            with self.subTest(each):
                self.state_dir = self.directory / each.name
                agent = self.agent("--start")
                self.assertEqual(agent.publish({"type": "console.log", "data": 1})[0], 200)
                agent.process.send_signal(each)
                self.assertEqual(agent.wait(), 0, agent.log())
                self.assertEqual(agent.report()["durable"], 1)

    def test_hangup_reloads(self):
        token = self.directory / "token"
        token.write_text("first\n")
        files = self.directory / "files"
        agent = self.agent("--start", "--api-token-file", token, "--files", files)

        def status(word):
            return agent.call("GET", "/status", headers={"authorization": f"Bearer {word}"})[0]

        def publish(n):
            got, body = agent.call("POST", "/events/publish", json.dumps({"type": "console.log", "category": "console", "data": n}),
                                   {"content-type": "application/json", "authorization": f"Bearer {token.read_text().strip()}"})
            self.assertEqual(got, 200, body)

        def held(name):
            return (files / name).exists() and (files / name).read_text().count("\n")
        self.assertEqual((status("first"), status("second")), (200, 401))
        publish(1)
        support.until(lambda: held("console.log") == 1, "the first event's line")
        (files / "console.log").rename(files / "console.log.1")
        token.write_text("second\n")
        agent.process.send_signal(signal.SIGHUP)
        support.until(lambda: status("second") == 200, "the new token counts")
        self.assertEqual(status("first"), 401)
        publish(2)
        support.until(lambda: held("console.log") == 1, "the second event's line, in a new file")
        self.assertEqual(held("console.log.1"), 1)
        token.write_text("")
        agent.process.send_signal(signal.SIGHUP)
        support.until(lambda: "the one before it stays" in agent.log(), "the empty token is refused")
        self.assertEqual(status("second"), 200)
        self.assertEqual(agent.terminate(), 0, agent.log())

    def test_a_terminal_that_goes_takes_the_agent_along(self):
        ours, theirs = pty.openpty()
        agent = subprocess.Popen([support.RINGTAIL, "run", "--state-dir", self.state_dir, "--listen", "none", "--start",
                                  "--report", self.directory / "report"],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs, env=support.clean_environment())
        self.addCleanup(agent.kill)
        os.close(theirs)
        said = b""
        while b"goes on" not in said and b"capture session" not in said:
            said += os.read(ours, 4096)
        support.until(lambda: (self.state_dir / "status.json").exists(), "running")
        agent.send_signal(signal.SIGHUP)
        agent.send_signal(signal.SIGHUP)
        os.close(ours)
        self.assertEqual(agent.wait(support.PATIENCE), 0)
        self.assertEqual(json.loads((self.directory / "report").read_text())["exit"], 0)


class starting(support.TestCase):
    def test_certificate_authorities_that_are_not_there(self):
        done = support.run("run", "-", "--state-dir", self.state_dir, "--s2-basin", "some-basin", "--s2-ca", self.directory / "nowhere.pem",
                           env={"S2_ACCESS_TOKEN": "any"})
        self.assertEqual(done.returncode, 5)
        said = done.stderr.decode()
        self.assertIn(f"--s2-ca: '{self.directory}/nowhere.pem' cannot be read: No such file or directory", said)
        self.assertFalse(self.state_dir.exists())

    def test_a_predecessor_that_is_not_gone_yet_is_waited_for(self):
        self.state_dir.mkdir()
        for args, lock in ((["run", "-", "--state-dir", self.state_dir], "lock"),
                           (["local", "--listen", "127.0.0.1:0", "--state-dir", self.state_dir], "local.db-lock")):
            with self.subTest(args[0]), open(self.state_dir / lock, "w", encoding="ascii") as held:
                held.write("pid 1")
                held.flush()
                fcntl.flock(held, fcntl.LOCK_EX)
                with subprocess.Popen([support.RINGTAIL, *args], stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                                      env=support.clean_environment()) as starting:
                    self.addCleanup(starting.kill)
                    said = b""
                    while b"waiting a moment" not in said:
                        piece = os.read(starting.stderr.fileno(), 4096)
                        self.assertTrue(piece, said)
                        said += piece
                    fcntl.flock(held, fcntl.LOCK_UN)
                    while b"capture session" not in said and b"serving" not in said:
                        piece = os.read(starting.stderr.fileno(), 4096)
                        self.assertTrue(piece, said)
                        said += piece
                    starting.send_signal(signal.SIGTERM)
                    starting.stdin.close()
                    starting.stderr.read()
                    self.assertEqual(starting.wait(support.PATIENCE), 0, said)

    def test_orphans_are_reaped_by_the_first_process(self):
        namespace = ["unshare", "-pf", "--kill-child", "--mount-proc"]
        if subprocess.run([*namespace, "true"], capture_output=True).returncode != 0:
            self.skipTest("a process namespace needs rights")
        # One orphan ends before the agent has begun, one when it runs.
        inside = '(true &); (sh -c "read end" < "$END" &); exec "$0" "$@"'
        end = self.directory / "end"
        os.mkfifo(end)
        with open(end, "r+b", buffering=0) as orphan:
            agent = self.agent("--start", launcher=[*namespace, "sh", "-c", inside], env={"END": str(end)})
            outer = agent.process.pid
            first = int(pathlib.Path(f"/proc/{outer}/task/{outer}/children").read_text().split()[0])

            def children():
                return pathlib.Path(f"/proc/{first}/task/{first}/children").read_text().split()
            support.until(lambda: len(children()) == 1, "only the second one is there", patience=20)
            orphan.write(b"\n")
            support.until(lambda: not children(), "it is gone, too", patience=20)
        os.kill(first, signal.SIGTERM)
        self.assertEqual(agent.wait(), 0, agent.log())


class inputs(support.TestCase):
    def test_a_named_pipe_without_a_writer_yet(self):
        pipe = self.directory / "events"
        os.mkfifo(pipe)
        agent = self.agent("--input", pipe)  # ready, and reading
        self.assertIsNone(agent.process.poll(), agent.log())
        with open(pipe, "wb") as writer:
            writer.write(line(1) + line(2))
        self.assertEqual(agent.wait(), 0, agent.log())
        self.assertEqual(agent.report()["published"], 2)

    def test_a_named_pipe_that_nobody_writes_to_is_left_by_a_signal(self):
        pipe = self.directory / "events"
        os.mkfifo(pipe)
        agent = self.agent("--input", pipe)
        self.assertEqual(agent.terminate(), 0, agent.log())
        self.assertIn("stopping: signal", agent.log())


if __name__ == "__main__":
    support.main()
