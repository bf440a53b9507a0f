"""State directories that released versions left (tests/data/kept, kept_state.py): opened, delivered once, opened again."""

import fcntl
import pathlib

import kept_state
from support import ROOT, TestCase, is_own, main

KEPT = ROOT / "tests/data/kept"
BOOT = pathlib.Path("/proc/sys/kernel/random/boot_id")


class KeptStateTest(TestCase):
    def open_kept(self, name, as_of_this_boot):
        """Where the machine that wrote it is another one, the machine counts as crashed; else only the agent."""
        turn = open(pathlib.Path(kept_state.__file__), "rb")  # the address is one for all: one test at a time
        self.addCleanup(turn.close)
        fcntl.flock(turn, fcntl.LOCK_EX)
        self.expected = kept_state.unpack(KEPT / name, self.directory)
        boot = BOOT.read_text().strip() if as_of_this_boot else "00000000-0000-4000-8000-000000000000"
        (self.directory / "agent/ring/boot").write_text(boot + "\n")
        self.store = kept_state.Store(self.directory / "store.db", self.directory, kept_state.HOST, kept_state.PORT)
        self.addCleanup(self.store.close)

    def run_agent(self):
        return self.agent(*kept_state.FLAGS, state_dir=self.directory / "agent")

    def everything(self):
        """All envelopes of the store, each stream's continuations behind it."""
        return [envelope for name in self.store.streams() for envelope in self.store.envelopes(name)]

    def assert_delivered_once(self, found, more):
        for session, accepted in self.expected["accepted"].items():
            there = [[e["seq"], e["event"]["data"]["n"]] for e in found
                     if e["capture_session_id"] == session and not is_own(e) and e["event"]["data"]["n"] >= 0]
            self.assertEqual(there, accepted, session)
        seqs = [e["seq"] for e in found if "seq" in e and not is_own(e)]
        self.assertEqual(len(seqs), len(set(seqs)), "no seq comes twice")
        self.assertEqual([e["event"]["data"]["n"] for e in found if not is_own(e) and e["event"]["data"]["n"] < 0], more)

    def open_deliver_reopen(self, name, as_of_this_boot):
        self.open_kept(name, as_of_this_boot)
        agent = self.run_agent()
        status, session = agent.call("GET", "/events/capture_session")
        self.assertEqual((status, session["id"]), (200, self.expected["active"]), agent.log())
        self.assertEqual(agent.publish({"type": "console.log", "data": {"n": -1}})[1]["accepted"], 1)
        status, said = agent.call("POST", "/events/flush?timeout=60s")
        self.assertEqual(status, 200, (said, agent.log()))
        agent.kill()
        agent = self.run_agent()
        self.assertEqual(agent.publish({"type": "console.log", "data": {"n": -2}})[1]["accepted"], 1)
        self.assertEqual(agent.terminate(), 0, agent.log())
        report = agent.report()
        mine = len(self.expected["accepted"][self.expected["active"]]) + 2
        self.assertEqual([report[name] for name in ("published", "durable", "undelivered", "dropped")], [mine, mine, 0, 0])
        agent = self.run_agent()  # a clean start, with nothing to do
        self.assertEqual(agent.terminate(), 0, agent.log())
        found = self.everything()
        self.assert_delivered_once(found, [-1, -2])
        dropped = [e["event"]["data"]["reason"] for e in found if is_own(e) and e["event"]["type"] == "events_dropped"]
        self.assertEqual(dropped, [] if as_of_this_boot else ["machine_crash"])

    def test_of_a78fe34_with_an_active_session(self):
        self.open_deliver_reopen("a78fe34-active.tar.xz", as_of_this_boot=True)

    def test_of_a78fe34_with_an_active_session_on_another_machine(self):
        self.open_deliver_reopen("a78fe34-active.tar.xz", as_of_this_boot=False)

    def test_of_a78fe34_with_an_ended_session_in_flight(self):
        self.open_deliver_reopen("a78fe34-ended.tar.xz", as_of_this_boot=True)

    def test_of_a78fe34_with_an_ended_session_in_flight_on_another_machine(self):
        self.open_deliver_reopen("a78fe34-ended.tar.xz", as_of_this_boot=False)


if __name__ == "__main__":
    main()
