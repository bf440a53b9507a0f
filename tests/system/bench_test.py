"""`ringtail bench`: a load into both stores, what it says and leaves behind, and verdicts that must be bad."""

import json
import signal
import subprocess

import support


class bench(support.TestCase):
    def bench(self, *args, env=None):
        """(exit code, report, the rest of what it said)"""
        done = support.run("bench", "--state-dir", self.state_dir, "--report", "-", *args, env=env)
        return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr.decode()

    def start(self, *args):
        """A bench in the background; finish() gives what bench() gives."""
        process = subprocess.Popen([support.RINGTAIL, "bench", "--state-dir", self.state_dir, "--report", "-", *map(str, args)],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=support.clean_environment())
        self.addCleanup(lambda: process.poll() is None and process.kill())
        return process

    def finish(self, process):
        out, err = process.communicate(timeout=support.PATIENCE)
        return process.returncode, json.loads(out) if out else None, err.decode()

    def assert_good(self, done, events):
        code, report, said = done
        self.assertEqual((code, report["exit"]), (0, 0), said)
        self.assertEqual((report["published"], report["durable"], report["undelivered"]), (events, events, 0))
        verdict = report["verdict"]
        self.assertEqual((verdict["good"], verdict["read"]), (True, events))
        self.assertEqual(verdict["text"], f"{events} of {events} events read back, in order, each once")
        self.assertIn("verdict: " + verdict["text"], said)
        latency = report["latency_ms"]
        ordered = [latency[name] for name in ("p50", "p90", "p99", "p99.9", "max")]
        self.assertEqual(ordered, sorted(ordered))
        self.assertEqual(sum(row["count"] for row in report["histogram"]), events)
        self.assertGreater(report["cpu_us_per_event"], 0)
        return report

    def assert_bad(self, done, **found):
        code, report, said = done
        self.assertEqual(code, 1, said)
        verdict = report["verdict"]
        self.assertFalse(verdict["good"])
        self.assertEqual({name: verdict[name] for name in found}, found, said)
        return report


class embedded(bench):
    def test_leaves_nothing(self):
        self.assert_good(self.bench("--events", 1000, "--rate", 5000), 1000)
        self.assertFalse(self.state_dir.exists())

    def test_as_fast_as_it_goes(self):
        self.assert_good(self.bench("--events", 20_000, "--size", "1KiB", "--ring-capacity", "16MiB"), 20_000)

    def test_large_events(self):
        self.assert_good(self.bench("--events", 40, "--size", "900kB"), 40)

    def test_a_duration(self):
        self.assert_good(self.bench("--duration", "500ms", "--rate", 200), 100)

    def test_keeps_what_is_asked_for(self):
        report = self.assert_good(self.bench("--events", 100, "--keep"), 100)
        self.assertEqual(len(report["kept"]), 1)
        (directory,) = self.state_dir.iterdir()
        self.assertTrue(report["kept"][0].startswith(str(directory) + ";"))
        done = support.run("replay", "latest", "--state-dir", directory)
        self.assertEqual(len(done.stdout.splitlines()), 102)

    def test_beside_an_agent(self):
        """It has a directory of its own in the agent's."""
        agent = self.agent("--start")
        self.assert_good(self.bench("--events", 100), 100)
        self.assertEqual(agent.terminate(), 0, agent.log())
        self.assertEqual(len(self.replay()), 2)

    def test_variables_and_a_table(self):
        done = support.run("bench", "--state-dir", self.state_dir, env={"RINGTAIL_BENCH_EVENTS": "50", "RINGTAIL_BENCH_RATE": "1000"})
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        lines = done.stdout.decode().splitlines()
        self.assertEqual([line.split()[0] for line in lines[:5]], ["target", "load", "set-up", "delivered", "cpu"])
        self.assertEqual(lines[-1], "verdict: 50 of 50 events read back, in order, each once")
        self.assertEqual(done.stderr, b"")  # no progress: it is no terminal

    def test_usage(self):
        for args, why in ((["--size", "10"], "outside 160B to 976KiB"), (["--rate", "1k"], "is not a number"),
                          (["--events", "0"], "is not a number from 1"), (["--duration", "5"], "is not a duration"),
                          (["--rat", "5"], "did you mean --rate?"), (["--s2-stream", "{session}"], "has a field that is not known")):
            code, _, said = self.bench(*args)
            self.assertEqual(code, 2, said)
            self.assertIn(why, said)
        done = support.run("bench", "--state-dir", "none")
        self.assertEqual(done.returncode, 2)
        self.assertIn("/dev/shm", done.stderr.decode())

    def test_an_unusable_state_directory(self):
        self.state_dir.write_text("a file")
        code, report, said = self.bench()
        self.assertEqual((code, report["exit"], report["verdict"]), (5, 5, None), said)
        self.assertIn(f"cannot use the state directory: the directory {self.state_dir}", said)
        self.assertEqual(self.state_dir.read_text(), "a file")

    def test_the_first_interrupt_ends_the_load(self):
        process = self.start("--rate", 100, "--duration", "10m", "--progress")
        self.assertIn(b"durable", process.stderr.readline())
        process.send_signal(signal.SIGINT)
        done = self.finish(process)
        self.assertLess(done[1]["published"], 60_000)
        self.assert_good(done, done[1]["published"])
        self.assertFalse(self.state_dir.exists())


class official(bench):
    def streams(self, lite, basin):
        return [line.split()[0].decode() for line in lite.s2("list-streams", basin).splitlines()]

    def test_cleartext(self):
        lite = self.lite()
        basin = lite.create_basin()
        report = self.assert_good(self.bench("--events", 5000, *lite.flags(basin)), 5000)
        self.assertEqual(report["kept"], [])
        self.assertEqual(self.streams(lite, basin), [])
        self.assertFalse(self.state_dir.exists())

    def test_tls_compressed_without_a_state_directory(self):
        lite = self.lite(tls="ca")
        basin = lite.create_basin()
        self.assert_good(self.bench("--events", 2000, "--s2-compression", "zstd", *lite.flags(basin), "--state-dir", "none"), 2000)

    def test_keeps_its_stream_when_asked(self):
        """An agent's stream in its variable is not touched."""
        lite = self.lite()
        basin = lite.create_basin()
        report = self.assert_good(self.bench("--events", 100, "--keep", *lite.flags(basin), env={"RINGTAIL_S2_STREAM": "agents"}), 100)
        (stream,) = self.streams(lite, basin)
        self.assertIn(f"s2://{basin}/bench/{report['session_id']}", stream)
        self.assertEqual(len(lite.read_lines(basin, f"bench/{report['session_id']}")), 102)

    def test_a_stream_that_was_there(self):
        lite = self.lite()
        basin = lite.create_basin()
        lite.s2("append", f"s2://{basin}/mine", stdin=b"before\n")
        report = self.assert_good(self.bench("--events", 100, "--s2-stream", "mine", *lite.flags(basin)), 100)
        self.assertEqual(report["kept"], [f"s2://{basin}/mine (it was there before)"])
        self.assertEqual(len(lite.read_lines(basin, "mine")), 103)

    def test_refused(self):
        code, report, said = self.bench(*self.lite().flags("no-such-basin"))
        self.assertEqual((code, report["exit"], report["published"], report["verdict"]), (4, 4, 0, None), said)
        self.assertIn("basin_not_found", report["no_verdict"])

    def disturbed(self, lite, *how):
        """A load whose stream somebody else writes to in the middle, by a command of the official tool made of its lines so
        far; ended when it goes on elsewhere."""
        basin = lite.create_basin()
        process = self.start("--rate", 200, "--duration", "10m", "--s2-stream", "ours", *lite.flags(basin))

        def running():
            self.assertIsNone(process.poll())
            return True

        lines = support.until(lambda: running() and (found := self.lines(lite, basin)) and len(found) > 100 and found, "events")
        command, *rest = how
        lite.s2(command, f"s2://{basin}/ours", *[r for r in rest if not callable(r)],
                stdin=b"".join(r(lines) + b"\n" for r in rest if callable(r)))
        support.until(lambda: running() and any("/ours~" in stream for stream in self.streams(lite, basin)), "a continuation")
        if command == "trim":  # lite trims a little later
            support.until(lambda: b"session_started" not in self.lines(lite, basin)[0], "the trim")
        process.send_signal(signal.SIGINT)
        done = self.finish(process)
        self.assertEqual(len(done[1]["kept"]), 2)  # the stream that was left, and the one that goes on for it
        self.assertEqual(len(self.streams(lite, basin)), 2)
        return done

    def lines(self, lite, basin):
        try:
            return lite.read_lines(basin, "ours")
        except AssertionError:  # not there yet
            return []

    def test_a_record_of_another_writer_is_caught(self):
        done = self.disturbed(self.lite(), "append", lambda lines: b"somebody else's")
        self.assert_bad(done, read=done[1]["durable"], lost=0, repeated=0, altered=0, foreign=1)

    def test_a_repeated_event_is_caught(self):
        done = self.disturbed(self.lite(), "append", lambda lines: lines[50])
        self.assert_bad(done, read=done[1]["durable"], lost=0, repeated=1, altered=0, foreign=0)

    def test_lost_events_are_caught(self):
        done = self.disturbed(self.lite(), "trim", 52)  # the fence, session_started and 50 events go
        self.assert_bad(done, read=done[1]["durable"] - 50, lost=50, repeated=0, altered=0, foreign=0)

    def test_the_second_interrupt_does_not_wait(self):
        lite = self.lite()
        basin = lite.create_basin()
        process = self.start("--rate", 100, "--duration", "10m", "--progress", "--ack-timeout", "60s", *lite.flags(basin))
        self.assertIn(b"durable", process.stderr.readline())
        lite.pause()
        waiting = support.until(lambda: int(process.stderr.readline().split(b" waiting")[0].split()[-1]) > 100, "events that wait")
        self.assertTrue(waiting)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)  # two of one kind may become one
        support.until(lambda: process.poll() is not None, "its end", patience=60)
        lite.resume()
        code, report, said = self.finish(process)
        self.assertEqual((code, report["exit"], report["verdict"]), (3, 3, None), said)
        self.assertGreater(report["undelivered"], 0)


if __name__ == "__main__":
    support.main()
