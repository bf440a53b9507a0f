"""Standard input to the embedded store and to the official server, and back, byte for byte."""

import json
import os
import re
import shutil
import subprocess

import support


def capture_lines():
    return [line for line in support.CAPTURE.read_bytes().splitlines() if line.strip()]


class embedded(support.TestCase):
    def deliver(self, lines):
        done = support.run("run", "-", "--state-dir", self.state_dir, "--report", "-", stdin=b"".join(l + b"\n" for l in lines))
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        report = json.loads(done.stdout)
        self.assertEqual(report["exit"], 0)
        self.assertEqual((report["published"], report["durable"]), (len(lines), len(lines)))
        self.assertEqual((report["undelivered"], report["dropped"], report["refused"]), (0, 0, 0))
        self.assertEqual(report["backlog"], {"events": 0, "bytes": 0})
        self.assert_published(lines, self.replay(), report["session_id"])
        self.assertEqual(self.replay(report["session_id"]), self.replay())
        return report

    def test_a_recorded_browser(self):
        self.deliver(capture_lines())

    def test_many_events(self):
        self.deliver(list(support.generated(20_000 if support.SANITIZED else 300_000)))

    def test_one_event(self):
        self.deliver(list(support.generated(1)))

    def test_no_event(self):
        self.deliver([])

    def test_two_runs_after_one_another(self):
        first = self.deliver(list(support.generated(10)))
        second = self.deliver(list(support.generated(5)))
        self.assertNotEqual(first["session_id"], second["session_id"])
        self.assertGreater(second["durable_seq"], first["durable_seq"])
        seqs = [json.loads(e)["seq"] for e in self.replay(first["session_id"]) + self.replay(second["session_id"])]
        self.assertEqual(seqs, list(range(1, len(seqs) + 1)))

    def test_filters_of_replay(self):
        self.deliver(list(support.generated(10)))
        own = [e for e in self.replay() if support.is_own(json.loads(e))]
        self.assertEqual(self.replay("latest", "--category", "system"), own)
        self.assertEqual(len(self.replay("latest", "--type", "console.*")), 10)
        self.assertEqual(len(self.replay("latest", "--limit", "3")), 3)
        chosen = self.replay("latest", "--type", "console.log", "--since", "1700000000000003", "--until", "1700000000000005")
        self.assertEqual([json.loads(e)["event"]["data"]["n"] for e in chosen], [3, 4])
        self.assertEqual(len(self.replay("latest", "--format", "text")), 12)

    def test_tail_follows_to_its_limit(self):
        self.deliver(list(support.generated(10)))
        done = support.run("tail", "latest", "--limit", "12", "--state-dir", self.state_dir)
        self.assertEqual((done.returncode, done.stdout.splitlines()), (0, self.replay()))

    def test_output_that_cannot_be_written(self):
        self.deliver(list(support.generated(1000)))
        for command in (["replay", "latest"], ["replay", "latest", "--limit", "1"], ["tail", "latest"]):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([support.RINGTAIL, *command, "--state-dir", self.state_dir], stdout=full,
                                      stderr=subprocess.PIPE, timeout=support.PATIENCE, env=support.clean_environment())
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("cannot write to standard output: No space left on device", done.stderr.decode())
            read_end, write_end = os.pipe()
            os.close(read_end)  # as `| head` leaves it
            with open(write_end, "wb") as gone:
                done = subprocess.run([support.RINGTAIL, *command, "--state-dir", self.state_dir], stdout=gone,
                                      stderr=subprocess.PIPE, timeout=support.PATIENCE, env=support.clean_environment())
            self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_a_state_directory_that_may_only_be_read(self):
        self.state_dir = self.directory / "100%25?#"
        lines = list(support.generated(10))
        done = support.run("run", "-", "--state-dir", self.state_dir, stdin=b"\n".join(lines))
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        kept = self.directory / "kept"  # which nobody has read before
        shutil.copytree(self.state_dir, kept)
        shown = self.replay()
        self.assertEqual(len(shown), 12)
        shutil.rmtree(self.state_dir)
        kept.rename(self.state_dir)
        self.addCleanup(self.state_dir.chmod, 0o755)
        self.addCleanup(self.directory.chmod, 0o755)
        for path in (self.directory, self.state_dir, *self.state_dir.iterdir()):
            path.chmod(0o555 if path.is_dir() else 0o444)
        nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        for command in (["replay", "latest"], ["tail", "latest", "--limit", "12"]):
            done = subprocess.run([support.RINGTAIL, *command, "--state-dir", self.state_dir], capture_output=True,
                                  timeout=support.PATIENCE, env=support.clean_environment(), **nobody)
            self.assertEqual((done.returncode, done.stdout.splitlines()), (0, shown), done.stderr.decode())

    def test_a_session_table_that_is_being_made(self):
        self.state_dir.mkdir()
        table = self.state_dir / "sessions"
        for size in (0, 4096, 12 << 20):
            with open(table, "wb") as made:
                made.truncate(size)
                before = os.fstat(made.fileno())
            for command in ("replay", "tail"):
                done = support.run(command, "latest", "--state-dir", self.state_dir)
                self.assertEqual((done.returncode, done.stdout), (1, b""))
                self.assertIn("no session yet", done.stderr.decode())
                after = table.stat()
                self.assertEqual((after.st_ino, after.st_size, after.st_mtime_ns),
                                 (before.st_ino, before.st_size, before.st_mtime_ns))

    def test_in_memory(self):
        done = support.run("run", "-", "--state-dir", "none", "--report", "-",
                           stdin=b"\n".join(support.generated(100)) + b"\n")
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        self.assertEqual(json.loads(done.stdout)["durable"], 100)

    def test_a_file_and_a_last_line_without_its_end(self):
        lines = list(support.generated(3))
        source = self.directory / "events.ndjson"
        source.write_bytes(b"\r\n\n".join(lines))
        done = support.run("run", "--input", source, "--state-dir", self.state_dir, "--report", "-")
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        self.assert_published(lines, self.replay(), json.loads(done.stdout)["session_id"])


class official(support.TestCase):
    def deliver(self, lite, lines, *flags):
        basin = lite.create_basin()
        done = support.run("run", "-", "--state-dir", self.state_dir, "--report", "-", *lite.flags(basin), *flags,
                           stdin=b"".join(l + b"\n" for l in lines))
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        report = json.loads(done.stdout)
        self.assertEqual((report["published"], report["durable"]), (len(lines), len(lines)))
        stored = lite.read_lines(basin, report["s2_stream"])
        self.assert_published(lines, stored, report["session_id"])
        return basin, report, stored

    def test_cleartext(self):
        self.deliver(self.lite(), capture_lines())

    def test_cleartext_many_events(self):
        self.deliver(self.lite(), list(support.generated(20_000 if support.SANITIZED else 300_000)))

    def test_cleartext_one_event(self):
        self.deliver(self.lite(), list(support.generated(1)))

    def test_cleartext_no_event(self):
        self.deliver(self.lite(), [])

    def test_tls_verified(self):
        self.deliver(self.lite(tls="ca"), capture_lines())

    def test_tls_many_events(self):
        self.deliver(self.lite(tls="ca"), list(support.generated(20_000 if support.SANITIZED else 300_000)))

    def test_tls_unverified(self):
        self.deliver(self.lite(tls="self"), list(support.generated(1)))

    def test_tls_no_event(self):
        self.deliver(self.lite(tls="self"), [])

    def test_compressed(self):
        for packing in ("zstd", "gzip"):
            with self.subTest(packing):
                self.state_dir = self.directory / packing
                self.deliver(self.lite(), list(support.generated(2000)), "--s2-compression", packing)

    def test_replay_from_the_server(self):
        lite = self.lite()
        basin, report, stored = self.deliver(lite, list(support.generated(100)))
        env = {k: v for k, v in lite.variables().items()}
        for target in (report["session_id"], "latest", f"s2://{basin}/{report['s2_stream']}"):
            done = support.run("replay", target, "--state-dir", self.state_dir, env=env)
            self.assertEqual((done.returncode, done.stdout.splitlines()), (0, stored), done.stderr)
        self.assertTrue(re.match(r"^[0-9a-f-]{36}$", report["s2_stream"]))


if __name__ == "__main__":
    support.main()
