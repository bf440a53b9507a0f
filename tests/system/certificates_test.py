"""Certificates of a store over TLS: where the authorities are found, and refusals that a person can tell apart."""

import datetime
import ssl
import subprocess
import urllib.request

import support

EVENT = b'{"type":"console.log","data":1}\n'
CONFIGURATION = """[ca]
default_ca=d
[d]
dir=.
database=db
serial=serial
new_certs_dir=.
default_md=sha256
policy=p
copy_extensions=copy
unique_subject=no
[p]
commonName=supplied
"""


def moment(days):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).strftime("%Y%m%d%H%M%SZ")


class certificates(support.TestCase):
    def openssl(self, *args):
        subprocess.run(["openssl", *args], cwd=self.directory, check=True, capture_output=True)

    def setUp(self):
        super().setUp()
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out",
                     "ca.pem", "-subj", "/CN=testca", "-days", "30", "-addext", "basicConstraints=critical,CA:TRUE", "-addext",
                     "keyUsage=critical,keyCertSign")
        (self.directory / "db").touch()
        (self.directory / "serial").write_text("01")
        (self.directory / "ca.cnf").write_text(CONFIGURATION)

    def leaf(self, name, extension, begin=-1, end=30, by="ca", common_name="localhost"):
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out",
                     f"{name}.csr", "-subj", f"/CN={common_name}", "-addext", extension)
        self.openssl("ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", f"{by}.pem", "-keyfile", f"{by}.key", "-in",
                     f"{name}.csr", "-out", f"{name}.pem", "-startdate", moment(begin), "-enddate", moment(end))

    def serve(self, name, host="localhost"):
        """A store with this certificate and a basin; the flags that name it."""
        port = support.free_port()
        with open(self.directory / f"{name}.log", "wb") as log:
            server = subprocess.Popen(
                [support.RINGTAIL, "local", "--listen", f"127.0.0.1:{port}", "--store", self.directory / f"{name}.db", "--tls-cert",
                 self.directory / f"{name}.pem", "--tls-key", self.directory / f"{name}.key"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=support.clean_environment())
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        anyone = ssl.create_default_context()
        anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE

        def made():
            request = urllib.request.Request(f"https://127.0.0.1:{port}/v1/basins/some-basin",
                                             b'{"config":{"create_stream_on_append":true}}',
                                             {"content-type": "application/json"}, method="PUT")
            try:
                with urllib.request.urlopen(request, timeout=5, context=anyone) as answer:
                    return answer.status in (200, 201)
            except OSError:
                return False
        support.until(made, "a basin in ringtail local")
        url = f"https://{host}:{port}"
        return ["--s2-basin", "some-basin", "--s2-account-endpoint", url, "--s2-basin-endpoint", url]

    def deliver(self, flags, *more, launcher=(), patience="60s"):
        done = subprocess.run([*launcher, support.RINGTAIL, "run", "-", "--state-dir", self.state_dir, "--shutdown-timeout", patience,
                               *flags, *map(str, more)], input=EVENT, capture_output=True, timeout=support.PATIENCE,
                              env=self.environment())
        return done.returncode, done.stderr.decode()

    def environment(self):
        clean = support.clean_environment(S2_ACCESS_TOKEN="any\n")
        return {name: value for name, value in clean.items() if not name.startswith("SSL_CERT_")}

    def test_an_image_with_one_file_of_authorities(self):
        if not support.own_mounts():
            self.skipTest("needs the right to mount")
        self.leaf("good", "subjectAltName=DNS:localhost")
        flags = self.serve("good")
        certs = self.directory / "certs"
        certs.mkdir()
        (certs / "ca-certificates.crt").write_bytes((self.directory / "ca.pem").read_bytes())
        within = ["unshare", "-m", "bash", "-c", 'mount --bind "$0" /etc/ssl/certs && exec "$@"', str(certs)]
        code, log = self.deliver(flags, launcher=within)
        self.assertEqual(code, 0, log)

    def test_what_holds_is_taken(self):
        self.leaf("address", "subjectAltName=IP:127.0.0.1")
        self.leaf("between", "basicConstraints=critical,CA:TRUE", common_name="between")
        self.leaf("under", "subjectAltName=IP:127.0.0.1", by="between")
        pem = {name: (self.directory / f"{name}.pem").read_bytes() for name in ("ca", "under", "between")}
        (self.directory / "chain.pem").write_bytes(pem["under"] + pem["between"])
        (self.directory / "chain.key").write_bytes((self.directory / "under.key").read_bytes())
        (self.directory / "crlf.pem").write_bytes(b"# our authority\r\n\r\n" + pem["ca"].replace(b"\n", b"\r\n"))
        flags = self.serve("address", "127.0.0.1")
        for authority in ("ca.pem", "crlf.pem"):
            code, log = self.deliver(flags, "--s2-ca", self.directory / authority)
            self.assertEqual(code, 0, log)
        code, log = self.deliver(self.serve("chain", "127.0.0.1"), "--s2-ca", self.directory / "ca.pem")
        self.assertEqual(code, 0, log)

    def check(self, flags, *more):
        done = subprocess.run([support.RINGTAIL, "check", "--state-dir", self.state_dir, *flags, *map(str, more)],
                              capture_output=True, timeout=support.PATIENCE, env=self.environment())
        return done.returncode, done.stdout.decode()

    def test_refusals_are_told_apart(self):
        self.leaf("old", "subjectAltName=DNS:localhost", begin=-9, end=-2)
        self.leaf("young", "subjectAltName=DNS:localhost", begin=2)
        self.leaf("other", "subjectAltName=DNS:elsewhere.example")
        self.leaf("good", "subjectAltName=DNS:localhost")
        ca = ["--s2-ca", self.directory / "ca.pem"]
        for name, more, words in (("old", ca, ["expired", "renew"]), ("young", ca, ["not yet valid", "clock"]),
                                  ("other", ca, ["wrong name", "name the endpoint"]), ("good", [], ["unknown authority", "--s2-ca"])):
            with self.subTest(name):
                flags = self.serve(name)
                code, said = self.check(flags, *more)
                self.assertEqual(code, 1, said)
                code, log = self.deliver(flags, *more, patience="1s")
                self.assertEqual(code, 3, log)
                for word in words:
                    self.assertIn(word, said)
                self.assertIn(words[0], log)


if __name__ == "__main__":
    support.main()
