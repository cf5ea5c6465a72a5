"""The root key from the environment: rotated under a running service in the right order nothing fails, in
the wrong order it is refused, and who forces it is told by /readyz."""
import base64
import os
import threading
import time

import harness


def root():
    return base64.b64encode(os.urandom(32)).decode()


class RootFromTheEnvironment(harness.Case):
    def setUp(self):
        super().setUp()
        self.old, self.new = root(), root()

    def serve(self, *roots):
        # A short bound: keys are unwrapped by the keystore again and again.
        return self.start(environment={"TENANTSEAL_ROOT_KEY": ",".join(roots)}, arguments=["--revocation-bound", "2s"])

    def root_command(self, action, *arguments, roots=()):
        return self.cli("root", action, "--data-dir", self.data, *arguments,
                        environment={"TENANTSEAL_ROOT_KEY": ",".join(roots or (self.new, self.old))})

    def test_in_the_right_order_nothing_fails(self):
        first = self.serve(self.old)
        token = self.service_token(first, self.tenant(first))
        sealed = self.seal(first, token, b"before")
        servers, failures, stop = [first], [], threading.Event()

        def work():
            while not stop.is_set():
                answer = self.open_value(servers[0], token, sealed)
                if answer.status != 200:
                    failures.append(answer)
                time.sleep(0.02)
        worker = threading.Thread(target=work)
        worker.start()
        try:
            second = self.serve(self.new, self.old)
            servers[0] = second
            time.sleep(0.2)   # What was asked of the first is answered.
            self.assertEqual(first.terminate(), 0)
            rotated = self.root_command("rotate")
            self.assertEqual(rotated.returncode, 0, rotated.stderr)
            self.assertIn(b"restart every process", rotated.stderr)
            time.sleep(3)   # The lease of every key has run out and was renewed by the new root.
            self.tenant(second, "Made under the new root")
            self.assertEqual(second.call("GET", "/readyz", token=None).status, 200)
            third = self.serve(self.new)
            servers[0] = third
            time.sleep(0.2)
            self.assertEqual(second.terminate(), 0)
            time.sleep(0.5)
        finally:
            stop.set()
            worker.join()
        self.assertEqual(failures, [])
        self.assert_opens(third, token, sealed, b"before")

    def test_in_the_wrong_order_it_is_refused(self):
        server = self.serve(self.old)
        token = self.service_token(server, self.tenant(server))
        alone = self.root_command("rotate", roots=[self.old]).stderr.decode()
        for text in (alone, self.refused_rotation()):
            self.assertIn("restart every process", text)
            self.assertIn("NEW,OLD in TENANTSEAL_ROOT_KEY", text)
        self.assertIn(f"process {server.pid}", self.refused_rotation())
        self.assertEqual(server.call("GET", "/readyz", token=None).status, 200)
        time.sleep(3)
        sealed = self.seal(server, token, b"nothing has changed")

        forced = self.root_command("rotate", "--force")
        self.assertEqual(forced.returncode, 0, forced.stderr)
        self.assertIn(f"process {server.pid}", forced.stderr.decode())
        ready = server.call("GET", "/readyz", token=None)
        self.assertEqual(ready.status, 503, ready)
        self.assertIn("TENANTSEAL_ROOT_KEY does not hold", ready.json["errors"][0]["detail"])
        harness.wait_until(lambda: self.open_value(server, token, sealed).status == 503, 10, "the end of the lease")
        told = self.open_value(server, token, sealed)
        for word in ("TENANTSEAL_ROOT_KEY", str(self.data), "root"):
            self.assertNotIn(word, told.raw.decode())
        self.assertIn("TENANTSEAL_ROOT_KEY does not hold", server.log)
        server.terminate()
        self.seal(self.serve(self.new), token, b"serves again")

    def refused_rotation(self):
        refused = self.root_command("rotate")
        self.assertEqual(refused.returncode, 8, refused.stderr)
        return refused.stderr.decode()

    def test_a_process_that_was_killed_is_in_nobodys_way(self):
        server = self.serve(self.old)
        token = self.service_token(server, self.tenant(server))
        server.kill()
        rotated = self.root_command("rotate")
        self.assertEqual(rotated.returncode, 0, rotated.stderr)
        self.seal(self.serve(self.new), token, b"x")


class RootFromAFile(harness.Case):
    def test_a_service_that_reads_the_same_file_follows(self):
        server = self.start(arguments=["--revocation-bound", "2s"])
        token = self.service_token(server, self.tenant(server))
        self.seal(server, token, b"x")
        self.cli_ok("root", "rotate", "--data-dir", self.data)
        self.cli_ok("root", "retire", "--data-dir", self.data)
        time.sleep(3)
        self.seal(server, token, b"x")
        self.assertEqual(server.call("GET", "/readyz", token=None).status, 200)

    def test_one_that_has_a_copy_of_it_would_not(self):
        self.start().terminate()
        copy = self.directory / "copy.key"
        copy.write_bytes((self.data / "root.key").read_bytes())
        copy.chmod(0o600)
        self.start(arguments=["--root-key-file", str(copy)])
        before = (self.data / "root.key").read_bytes()
        refused = self.cli("root", "rotate", "--data-dir", self.data)
        self.assertEqual(refused.returncode, 8, refused.stderr)
        self.assertIn(str(copy), refused.stderr.decode())
        self.assertEqual((self.data / "root.key").read_bytes(), before)


if __name__ == "__main__":
    harness.main()
