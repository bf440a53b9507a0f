"""Sessions without end: one that is reopened often, and many that come after one another; the history, and what befalls it."""

import contextlib
import json
import sqlite3
import uuid

import support

TABLE = 256  # sessions in the session table
KEPT = TABLE // 2  # beyond them the oldest that are delivered go to the history


class history(support.TestCase):
    def file(self):
        return self.state_dir / "sessions.db"

    def live_one(self, agent, data, **members):
        """A session with one event, delivered."""
        session_id = agent.start_session(**members)["id"]
        self.assertEqual(agent.publish({"type": "console.log", "data": data})[0], 200)
        status, body = agent.call("DELETE", "/events/capture_session?timeout=60s")
        self.assertEqual(status, 200, body)
        return session_id

    def data_of(self, session_id, *args):
        envelopes = [json.loads(line) for line in self.replay(session_id, *args)]
        self.assertEqual({e["capture_session_id"] for e in envelopes}, {session_id})
        return [e["event"]["data"] for e in envelopes if not support.is_own(e)]

    def in_history(self, session_id):
        if not self.file().exists():
            return False
        with contextlib.closing(sqlite3.connect(f"file:{self.file()}?mode=ro", uri=True)) as db:
            return db.execute("SELECT count(*) FROM sessions WHERE id = ?", (session_id,)).fetchone()[0] == 1

    def until_in_history(self, session_id):
        support.until(lambda: self.in_history(session_id), "the session's row")

    def test_a_fixed_id_is_reopened_at_each_start(self):
        fixed = str(uuid.uuid4())
        for n in range(40):
            line = json.dumps({"type": "console.log", "data": n}).encode() + b"\n"
            done = support.run("run", "-", "--session-id", fixed, "--state-dir", self.state_dir, stdin=line)
            self.assertEqual(done.returncode, 0, done.stderr.decode())
        self.assertEqual(self.data_of(fixed), list(range(40)))

    def test_two_fixed_ids_are_reopened_in_turn(self):
        ids = [str(uuid.uuid4()), str(uuid.uuid4())]
        agent = self.agent()
        for n in range(40):
            for each in ids:
                self.assertEqual(self.live_one(agent, n, id=each), each)
        self.assertEqual(agent.terminate(), 0, agent.log())
        for each in ids:
            self.assertEqual(self.data_of(each), list(range(40)))

    def test_the_first_of_many_sessions_is_replayed_and_reopened(self):
        agent = self.agent()
        ids = [self.live_one(agent, n) for n in range(TABLE + 1)]
        self.until_in_history(ids[0])
        self.assertEqual(self.data_of(ids[0]), [0], "while the agent runs")
        self.assertEqual(self.data_of(ids[-1]), [TABLE])
        self.assertEqual(self.live_one(agent, "again", id=ids[0]), ids[0])
        agent.kill()
        self.assertEqual(self.data_of(ids[0]), [0, "again"], "and when it is gone")
        agent = self.agent()
        self.live_one(agent, "after a kill", id=ids[1])
        self.assertEqual(agent.terminate(), 0, agent.log())
        self.assertEqual(self.data_of(ids[0]), [0, "again"])
        self.assertEqual(self.data_of(ids[1]), [1, "after a kill"])
        self.assertNotIn("another writer", agent.log())
        self.assertNotIn("gives way", agent.log())
        done = support.run("run", "-", "--session-id", ids[2], "--state-dir", self.state_dir,
                           stdin=b'{"type":"console.log","data":"from standard input"}\n')
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        self.assertEqual(self.data_of(ids[2]), [2, "from standard input"])

    def test_the_embedded_store_lets_the_oldest_go_also_those_of_the_history(self):
        agent = self.agent("--store-capacity", "16MiB")
        ids = [self.live_one(agent, "x" * 200_000) for _ in range(KEPT + 40)]
        self.until_in_history(ids[0])

        def gone():  # it is looked at now and then only
            self.live_one(agent, "more")
            return f"capture session {ids[0]} was removed from it" in agent.log()
        support.until(gone, "the first session's removal")
        self.assertEqual(self.live_one(agent, "again", id=ids[-1]), ids[-1])
        self.assertEqual(agent.terminate(), 0, agent.log())
        self.assertEqual(self.data_of(ids[-1])[-1], "again")

    def fill(self, agent, count=KEPT + 8):
        return [self.live_one(agent, n) for n in range(count)]

    def test_one_that_is_damaged_is_set_aside_and_capture_goes_on(self):
        agent = self.agent()
        ids = self.fill(agent)
        self.until_in_history(ids[0])
        self.assertEqual(agent.terminate(), 0, agent.log())
        for suffix in ("-wal", "-shm"):
            self.file().with_name(self.file().name + suffix).unlink(missing_ok=True)
        self.file().write_bytes(b"not a database at all " * 500)
        failed = support.run("replay", ids[0], "--state-dir", self.state_dir)
        self.assertEqual(failed.returncode, 1)
        self.assertIn(b"history can't be read", failed.stderr)
        agent = self.agent()
        self.live_one(agent, "new", id=str(uuid.uuid4()))  # a look there
        self.assertTrue((self.state_dir / "sessions.db.damaged-1").exists())
        self.assertEqual(agent.log().count("is set aside as sessions.db.damaged-1"), 1, agent.log())
        more = self.fill(agent, KEPT)
        self.until_in_history(more[0])
        self.assertEqual(agent.terminate(), 0, agent.log())
        self.assertEqual(self.data_of(more[0]), [0])

    def test_one_of_a_later_version_is_set_aside(self):
        agent = self.agent()
        ids = self.fill(agent)
        self.until_in_history(ids[0])
        self.assertEqual(agent.terminate(), 0, agent.log())
        with sqlite3.connect(self.file()) as db:
            db.execute("PRAGMA user_version=7")
        agent = self.agent("--session-id", ids[0])
        self.assertEqual(agent.publish({"type": "console.log", "data": "again"})[0], 200)
        self.assertEqual(agent.terminate(), 0, agent.log())
        self.assertIn("another version", agent.log())
        with sqlite3.connect(self.state_dir / "sessions.db.damaged-1") as db:
            self.assertGreater(db.execute("SELECT count(*) FROM sessions").fetchone()[0], 0)

    def test_one_that_somebody_locks_is_tried_again(self):
        agent = self.agent()
        ids = self.fill(agent)
        self.until_in_history(ids[0])
        lock = sqlite3.connect(self.file(), isolation_level=None)
        self.addCleanup(lock.close)
        lock.execute("BEGIN IMMEDIATE")
        more = self.fill(agent, KEPT)
        self.assertIn("database is locked", agent.log())
        lock.execute("COMMIT")

        def moved():  # it is tried again when something changes
            self.live_one(agent, "behind the lock")
            return self.in_history(more[0])
        support.until(moved, "the session's row")
        self.assertEqual(agent.terminate(), 0, agent.log())
        self.assertNotIn("gives way", agent.log())
        self.assertEqual(self.data_of(ids[0]), [0])


if __name__ == "__main__":
    support.main()
