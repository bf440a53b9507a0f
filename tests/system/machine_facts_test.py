"""Facts of the machine that are hidden or lie: no boot id, no /proc at all, a clock that was wrong, a state directory that was
replaced under the agent. Nothing may be lost, and no seq comes twice."""

import json
import os
import shutil
import sqlite3
import subprocess

import support

SEQ_BLOCK = 1 << 24  # what the seq ceiling lies ahead


def event(n):
    return {"ts": 1_700_000_000_000_000 + n, "type": "console.log", "category": "console", "data": {"n": n}}


def numbers(envelopes):
    """The producers' events by their number, in order."""
    return [e["event"]["data"]["n"] for e in envelopes if not support.is_own(e)]


def own_types(envelopes):
    return [e["event"]["type"] for e in envelopes if support.is_own(e)]


class facts(support.TestCase):
    def without(self, hidden):
        """A command's beginning: it runs in a mount namespace of its own, where nothing is under that directory."""
        hide = ["sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', hidden]
        for launcher in (["unshare", "-m", *hide], ["unshare", "-r", "-m", *hide]):
            seen = subprocess.run([*launcher, "ls", "-A", hidden], capture_output=True, check=False)
            if seen.returncode == 0:
                self.assertEqual(seen.stdout, b"", "it is not hidden")
                return launcher
        self.skipTest(f"hiding {hidden} needs the right to mount, or user namespaces")

    def two_lives(self, before, now, end, server=None, meanwhile=lambda agent: None):
        """The stream's envelopes after two lives of one agent, each begun with its launcher, the first ended by `end`.
        `meanwhile`: when S2 has the first 501."""
        flags = server.flags(server.create_basin()) if server else []
        first = self.agent(*flags, launcher=before)
        session = first.start_session()
        first.publish(*[event(n) for n in range(500)])
        status, body = first.call("POST", "/events/flush?timeout=60s")
        self.assertEqual(status, 200, body)
        meanwhile(first)
        status, body = first.publish(*[event(n) for n in range(500, 1000)])  # what of it has landed is not known
        self.assertEqual((status, body["accepted"]), (200, 500))
        end(first)
        second = self.agent(*flags, launcher=now)
        resumed = second.call("GET", "/events/capture_session")[1]
        if resumed.get("id") != session["id"]:
            resumed = second.start_session(id=session["id"])
        second.publish(*[event(n) for n in range(1000, 1500)])
        self.assertEqual(second.terminate(), 0, second.log())
        self.assertNotIn("another writer", second.log())
        if server:
            envelopes = [json.loads(line) for line in server.read_lines("test-basin", session["id"])]
        else:
            envelopes = [json.loads(line) for line in self.replay(session["id"])]
        self.assertEqual(numbers(envelopes), list(range(1500)))
        return envelopes

    def assert_machine_crash(self, envelopes, last):
        """Numbering went on at the ceiling behind `last`, the highest seq before, and the gap is marked once."""
        ceiling = SEQ_BLOCK  # reserved at the first start, behind seq 0
        seqs = [e["seq"] for e in envelopes]
        self.assertEqual(seqs, [*range(1, last + 1), ceiling, *range(ceiling + 1, ceiling + len(seqs) - last)])
        gap = envelopes[last]
        self.assertEqual(gap["event"]["type"], "events_dropped")
        self.assertEqual(gap["event"]["data"],
                         {"from_seq": last + 1, "to_seq": ceiling, "count": None, "reason": "machine_crash"})
        self.assertEqual(own_types(envelopes), ["session_started", "events_dropped", "session_resumed", "session_ended"])

    def test_killed_without_a_boot_id_numbering_goes_on_at_the_ceiling(self):
        hidden = self.without("/proc/sys")
        self.assert_machine_crash(self.two_lives(hidden, hidden, support.Agent.kill), 1001)

    def test_a_power_cut_without_a_boot_id_gives_no_number_twice(self):
        ring, written_back = self.state_dir / "ring", self.directory / "written-back"

        def cut_the_power(agent):  # S2 has all; of the ring the disk has what it held at the first flush
            status, body = agent.call("POST", "/events/flush?timeout=60s")
            self.assertEqual(status, 200, body)
            agent.kill()
            shutil.rmtree(ring)
            shutil.copytree(written_back, ring)

        hidden = self.without("/proc/sys")
        self.assert_machine_crash(
            self.two_lives(hidden, hidden, cut_the_power, meanwhile=lambda agent: shutil.copytree(ring, written_back)), 1001)

    def test_killed_without_a_boot_id_nothing_comes_twice_at_the_official_server(self):
        hidden = self.without("/proc/sys")
        self.assert_machine_crash(self.two_lives(hidden, hidden, support.Agent.kill, self.lite()), 1001)

    def test_killed_and_the_boot_id_hidden_afterwards(self):
        self.assert_machine_crash(self.two_lives([], self.without("/proc/sys"), support.Agent.kill), 1001)

    def test_killed_and_the_boot_id_seen_afterwards(self):
        self.assert_machine_crash(self.two_lives(self.without("/proc/sys"), [], support.Agent.kill), 1001)

    def test_killed_with_a_boot_id_numbering_goes_on_with_the_next(self):
        envelopes = self.two_lives([], [], support.Agent.kill)
        self.assertEqual([e["seq"] for e in envelopes], list(range(1, len(envelopes) + 1)))
        self.assertEqual(own_types(envelopes), ["session_started", "session_resumed", "session_ended"])

    def test_stopped_in_order_without_a_boot_id_numbering_goes_on_with_the_next(self):
        def stop(agent):
            self.assertEqual(agent.terminate(), 0, agent.log())

        hidden = self.without("/proc/sys")
        envelopes = self.two_lives(hidden, hidden, stop)
        self.assertEqual([e["seq"] for e in envelopes], list(range(1, len(envelopes) + 1)))
        self.assertNotIn("events_dropped", own_types(envelopes))

    def test_without_proc_a_pipe_is_delivered_to_its_end(self):
        hidden = self.without("/proc")
        lines = "".join(json.dumps(event(n)) + "\n" for n in range(1000)).encode()
        done = subprocess.run([*hidden, support.RINGTAIL, "run", "-", "--state-dir", self.state_dir], input=lines,
                              capture_output=True, timeout=support.PATIENCE, env=support.clean_environment(), check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(numbers(map(json.loads, self.replay())), list(range(1000)))

    def test_a_clock_that_was_wrong_costs_the_embedded_store_nothing(self):
        agent = self.agent()
        session = agent.start_session()
        agent.publish(*[event(n) for n in range(10)])
        self.assertEqual(agent.terminate(), 0, agent.log())
        # As written by a VM that began in 1970.
        with sqlite3.connect(self.state_dir / "store.db") as store:
            store.execute("UPDATE batches SET written_at_ms = 1000")
            store.execute("UPDATE streams SET written_at_ms = 1000, created_at_us = 1000000")
        store.close()
        again = self.agent()
        again.start_session()
        again.publish(event(10))
        status, body = again.call("POST", "/events/flush?timeout=60s")
        self.assertEqual(status, 200, body)
        self.assertEqual(again.terminate(), 0, again.log())
        self.assertEqual(numbers(map(json.loads, self.replay(session["id"]))), list(range(10)))

    def test_a_state_directory_that_another_agent_has_replaced_is_left_alone(self):
        first = self.agent("--shutdown-timeout", "1s")
        first.start_session()
        os.rename(self.state_dir, self.directory / "moved")
        second = self.agent()
        before = (self.state_dir / "status.json").read_bytes()
        self.assertEqual(first.terminate(), 5, first.log())
        self.assertIn("was removed or moved away", first.log())
        self.assertFalse((self.state_dir / "ring" / "clean").exists(), "a mark of the one in the other's ring")
        self.assertEqual((self.state_dir / "status.json").read_bytes(), before)
        self.assertEqual(second.terminate(), 0, second.log())


if __name__ == "__main__":
    support.main()
