"""Words of others: what an event says reaches no terminal as more than text, and what stands around a line costs no event."""

import json
import socket
import unicodedata

import support

HARMLESS = b'{"type":"console.log","data":1}'
# Each once as an escape of JSON and once, where JSON allows that, as it is.
TRICKS = ["\x1b[31m", "\x07", "\x7f", "\x9b31m", "\u2028", "\u202e", "\u2066", "\u200f", "\u061c", "\ufeff",
          "one\n2026-01-01T00:00:00.000000Z  99  system  session_ended  a forged line", "\r", "\0"]


def tricky_lines():
    for trick in TRICKS:
        for ascii_only in (True, False):
            text = json.dumps("a" + trick + "b", ensure_ascii=ascii_only)
            yield f'{{"type":{text},"data":"x"}}'
            yield f'{{"type":"x","url":{text}}}'
            yield f'{{"type":"x","data":{text}}}'
            yield f'{{"type":"x","data":{{{text}:[{text}]}}}}'


class text(support.TestCase):
    def publish(self, lines):
        done = support.run("run", "-", "--state-dir", self.state_dir, "--report", "-", stdin="\n".join(lines).encode())
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        report = json.loads(done.stdout)
        self.assertEqual((report["published"], report["refused"]), (len(lines), 0), done.stderr.decode())

    def test_no_control_character_or_forged_line_of_an_event_is_shown(self):
        lines = list(tricky_lines())
        self.publish(lines)
        shown = b"".join(line + b"\n" for line in self.replay("latest", "--format", "text")).decode()
        self.assertEqual(len(shown.splitlines()), len(lines) + 2)  # splitlines() knows every kind of line end
        odd = {c for c in shown if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")}
        self.assertEqual(odd, set())

    def test_nothing_is_left_out_or_altered(self):
        data = ['{"half":"\\ud800"}', "[" * 60 + "]" * 60, "1e999", "123456789012345678901", "0.10", '{"a":1,"a":2}']
        self.publish([f'{{"ts":1,"type":"x","data":{one}}}' for one in data] +
                     ['{"ts":253402300800000000,"type":"x"}', '{"ts":9223372036854775807,"type":"x"}'])
        shown = [line.decode() for line in self.replay("latest", "--type", "x", "--format", "text")]
        self.assertEqual([line.rpartition("  ")[2] for line in shown[:len(data)]], data)
        self.assertTrue(shown[-2].startswith("10000-01-01T00:00:00.000000Z"), shown[-2])
        self.assertTrue(shown[-1].startswith("294247-01-10T04:00:54.775807Z"), shown[-1])


class around_lines(support.TestCase):
    """A byte order mark at the start and NUL bytes before a line, in every intake of NDJSON."""
    hole = b"\0" * (5 << 20)  # longer than a line may be
    content = b"\xef\xbb\xbf" + HARMLESS + b"\n" + hole + HARMLESS + b"\r\n" + hole + b"\n" + hole + HARMLESS + b"\n" + hole

    def assert_three(self, report):
        self.assertEqual((report["published"], report["refused"]), (3, 0))

    def test_standard_input(self):
        done = support.run("run", "-", "--state-dir", self.state_dir, "--report", "-", stdin=self.content)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        self.assert_three(json.loads(done.stdout))

    def test_a_file(self):
        file = self.directory / "in"
        file.write_bytes(self.content)
        done = support.run("run", "--input", file, "--state-dir", self.state_dir, "--report", "-")
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        self.assert_three(json.loads(done.stdout))

    def test_a_socket_and_a_body(self):
        path = str(self.directory / "socket")
        agent = self.agent("--start", "--ndjson-unix", path)
        status, counts = agent.call("POST", "/events/publish", self.content, {"content-type": "application/x-ndjson"})
        self.assertEqual((status, counts["accepted"], counts["refused"]), (200, 3, 0), counts)
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(path)
            one.sendall(self.content)
            one.shutdown(socket.SHUT_WR)
            self.assertEqual(one.recv(4096), b"")  # no error, and all was read
        agent.terminate()
        self.assertEqual((agent.report()["published"], agent.report()["refused"]), (6, 0), agent.describe())


if __name__ == "__main__":
    support.main()
