"""The secrecy test: a whole scenario with a marked plaintext; then neither it nor any key stands, raw,
in hexadecimal or in base64, in the log, the events, the database, the metrics or in an answer other
than the one that was asked for it."""
import base64
import os
import pathlib
import shutil
import subprocess
import unittest

import harness
from harness import API, ENCRYPTION

NOBODY = 65534


def forms(secret):
    """Every way in which `secret` might stand in a text or a file."""
    found = {secret, secret.hex().encode(), secret.hex().upper().encode()}
    for shift in range(3):
        # Base64 of a text that holds the secret at any offset: only the inner characters are fixed.
        encoded = base64.b64encode(b"\0" * shift + secret).rstrip(b"=")
        inner = encoded[(4 if shift else 0):-2]
        found |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return found


class Secrecy(harness.Case):
    def setUp(self):
        super().setUp()
        self.answers = []
        self.secrets = {}

    def remember(self, server):
        """Records every answer of `server`, and which secrets it was asked for."""
        call = server.call
        def recorded(method, path, body=None, *, wanted=(), **options):
            answer = call(method, path, body, **options)
            self.answers.append((f"{method} {path}", answer.raw, set(wanted)))
            return answer
        server.call = recorded

    def assert_absent(self, where, raw, allowed=()):
        for name, secret in self.secrets.items():
            if name in allowed:
                continue
            for form in forms(secret):
                self.assertNotIn(form, raw, f"{name} stands in {where}")

    def test_the_search_can_find(self):
        self.secrets["x"] = os.urandom(32)
        for raw in (self.secrets["x"], self.secrets["x"].hex().encode(), base64.b64encode(b"ab" + self.secrets["x"] + b"c"),
                    base64.urlsafe_b64encode(b"a" + self.secrets["x"])):
            with self.assertRaises(AssertionError):
                self.assert_absent("a made-up text", b"before " + raw + b" after")

    def test_no_secret_leaves(self):
        server = self.start(arguments=self.verbose())
        self.remember(server)
        marked = b"MARKED-PLAINTEXT-" + os.urandom(24)
        self.secrets["plaintext"] = marked
        tenant = self.tenant(server)
        token = self.service_token(server, tenant)
        admin = self.api_key(server, "TenantAdmin", tenant)[1]
        auditor = self.api_key(server, "Auditor", tenant)[1]
        self.answers.clear()   # Those that showed a token once.
        self.secrets.update({"operator key": harness.OPERATOR.encode(), "token": token.encode(), "admin": admin.encode()})

        body = {"plaintext": harness.b64(marked), "encryptionContext": {"a": "b"}}
        sealed = server.call("POST", ENCRYPTION + "/values/actions/seal", body, token=token).json["ciphertext"]
        server.call("POST", ENCRYPTION + "/values/actions/open", wanted={"plaintext"}, token=token,
                    body={"ciphertext": sealed, "encryptionContext": {"a": "b"}})
        # Failures quote nothing: wrong context, wrong JSON around the plaintext, wrong role, no role.
        server.call("POST", ENCRYPTION + "/values/actions/open", {"ciphertext": sealed, "encryptionContext": {}}, token=token)
        server.call("POST", ENCRYPTION + "/values/actions/seal", token=token,
                    raw=b'{"plaintext":"' + base64.b64encode(marked) + b'","encryptionContext":{"a":1}}')
        server.call("POST", ENCRYPTION + "/values/actions/seal", body, token=admin)
        server.call("POST", ENCRYPTION + "/values/actions/seal", body, token="tsk_" + "x" * 43)
        server.call("POST", ENCRYPTION + "/values/actions/seal", raw=marked + base64.b64encode(marked) + b"{", token=token)
        for number, managed in enumerate((True, False)):
            made = server.call("POST", ENCRYPTION + "/data-keys", {"managed": managed, "encryptionContext": {}},
                               token=token, wanted={f"data key {number}"}).json
            self.secrets[f"data key {number}"] = base64.b64decode(made["plaintext"])
            name = {"id": made["id"]} if managed else {"wrappedKey": made["wrappedKey"]}
            server.call("POST", ENCRYPTION + "/data-keys/actions/unwrap", {**name, "encryptionContext": {}}, token=token,
                        wanted={f"data key {number}"})
        plain = self.directory / "plain"
        plain.write_bytes(marked * 1000)
        told = self.cli_ok("seal", plain, "--output", self.directory / "sealed", server=server, token=token)
        told_open = self.cli_ok("open", self.directory / "sealed", "--output", self.directory / "opened", server=server, token=token)
        shown = self.cli_ok("inspect", self.directory / "sealed")
        self.rotate(server, tenant, admin)
        for path in (f"/api/v1/tenants/{tenant}", "/api/v1/tenants", f"/api/v1/api-keys?tenantId={tenant}", "/metrics"):
            server.call("GET", path)
        server.call("GET", ENCRYPTION + "/usage", token=auditor)
        server.call("GET", ENCRYPTION + "/tenant-keys", token=auditor)

        def search_files(when):
            for path in self.data.rglob("*"):
                if path.is_file():
                    kept = {"operator key"} if path.name == "operator.key" else set()
                    self.assert_absent(f"{path.name} {when}", path.read_bytes(), kept)
        search_files("while it runs")   # With the write-ahead log.
        self.assertEqual(server.terminate(), 0)
        search_files("after it has stopped")
        self.assert_absent("the log", server.log_path.read_bytes())
        for what, raw, wanted in self.answers:
            self.assert_absent(f"the answer to {what}", raw, wanted)
        for name, done in (("seal", told), ("open", told_open), ("inspect", shown)):
            self.assert_absent(f"the output of {name}", done.stdout + done.stderr)
        self.assert_absent("the sealed file", (self.directory / "sealed").read_bytes())
        # The root key stands in its own file and nowhere else.
        root = next(p for p in self.data.iterdir() if p.name.startswith("root"))
        self.root_stays_home(root, server)

    def verbose(self):
        return ["--log-level", "debug"]

    def root_stays_home(self, root, server):
        raw = root.read_bytes().strip()
        texts = [server.log_path.read_bytes()] + [p.read_bytes() for p in self.data.rglob("*") if p.is_file() and p != root]
        candidates = [raw] if len(raw) == 32 else [word for word in raw.split() if len(word) >= 40]
        self.assertTrue(candidates, f"nothing like a key in {root.name}")
        for text in texts:
            for candidate in candidates:
                self.assertNotIn(candidate, text)

    def test_a_core_or_a_debugger_gets_nothing(self):
        server = self.start()
        limits = pathlib.Path(f"/proc/{server.pid}/limits").read_text()
        core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
        self.assertEqual(core.split()[4], "0")

    @unittest.skipUnless(os.getuid() == 0, "needs root to start the server as somebody else")
    def test_its_memory_is_not_even_its_own_users(self):
        data = pathlib.Path("/tmp") / f"{self.directory.name}-nobody"
        data.mkdir(mode=0o700)
        self.addCleanup(shutil.rmtree, data, ignore_errors=True)
        os.chown(data, NOBODY, NOBODY)
        server = self.start(data, user=NOBODY, log=self.directory / "log")
        status = pathlib.Path(f"/proc/{server.pid}/status").read_text()
        self.assertIn(f"Uid:\t{NOBODY}", status)
        self.assertEqual(os.stat(f"/proc/{server.pid}/mem").st_uid, 0)
        reads = subprocess.run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                                "cat", f"/proc/{server.pid}/environ"], capture_output=True)
        self.assertNotEqual(reads.returncode, 0, "its user reads its environment")


if __name__ == "__main__":
    harness.main()
