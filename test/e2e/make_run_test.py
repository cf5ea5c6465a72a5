"""`make run` as a newcomer meets it: the first start, the three commands as they are printed, a second
start that keeps everything, a taken port, and Ctrl-C; a key of the emulated AWS that is refused, mended on the
emulator's page, added and migrated to; and no emulated AWS where a real one is configured."""
import html
import http.client
import json
import os
import re
import signal
import subprocess
import urllib.parse

import harness

PROVIDERS = harness.ENCRYPTION + "/keyproviders"


class MakeRun(harness.Case):
    def make_run(self, port, **more):
        environment = {k: v for k, v in os.environ.items()
                       if not k.startswith(("TENANTSEAL_", "AWS_", "MAKE", "MFLAGS"))}
        environment.update(PORT=str(port), DATA=str(self.data), EMULATOR_PORT=str(harness.free_port()), **more)
        log = open(self.directory / f"make-{port}.log", "ab+")
        self.addCleanup(log.close)
        # A session of its own, so that the interrupt reaches the whole foreground group, as a terminal's would.
        process = subprocess.Popen(["make", "run"], cwd=harness.ROOT, env=environment, start_new_session=True,
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(self.end, process)
        def text():
            log.seek(0)
            return log.read().decode(errors="replace")
        return process, text

    def end(self, process):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def wait_for_banner(self, process, text):
        def there():
            self.assertIsNone(process.poll(), text())
            return "Ctrl-C stops it" in text()
        harness.wait_until(there, 900, "the banner")

    def interrupt(self, process, text):
        os.killpg(process.pid, signal.SIGINT)
        process.wait(30)
        self.assertIn("run: stopped", text())

    def commands(self, banner):
        part = banner[banner.index("Try next"):banner.index("Ctrl-C stops it")]
        return [line.strip() for line in part.splitlines()[1:] if line.strip()]

    def test_first_start_commands_second_start(self):
        port = harness.free_port()
        process, text = self.make_run(port)
        self.wait_for_banner(process, text)
        self.assertIn(f"http://127.0.0.1:{port}", text())
        commands = self.commands(text())
        self.assertEqual(len(commands), 3)
        for command in commands:
            done = subprocess.run(["bash", "-c", command], cwd=harness.ROOT, capture_output=True, timeout=60)
            self.assertEqual(done.returncode, 0, (command, done.stdout, done.stderr))
        self.assertEqual((self.data / "sample.env").stat().st_mode & 0o777, 0o600)
        self.assertEqual((self.data / "operator.key").stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.data.stat().st_mode & 0o777, 0o700)

        # The same port again says plainly that it is taken.
        second, second_text = self.make_run(port)
        self.assertNotEqual(second.wait(120), 0)
        self.assertRegex(second_text(), rf"port {port} is taken")

        sample = (self.data / "sample.env").read_text()
        self.interrupt(process, text)
        port = harness.free_port()
        process, text = self.make_run(port)
        self.wait_for_banner(process, text)
        again = (self.data / "sample.env").read_text()
        token = re.compile(r"TENANTSEAL_API_KEY=\S+")
        self.assertEqual(token.search(sample).group(), token.search(again).group(), "the sample tenant is kept")
        for command in self.commands(text())[1:]:
            done = subprocess.run(["bash", "-c", command], cwd=harness.ROOT, capture_output=True, timeout=60)
            self.assertEqual(done.returncode, 0, (command, done.stdout, done.stderr))
        self.interrupt(process, text)

    def ask(self, port, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return harness.Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def call(self, method, path, body=None):
        """As the sample tenant's administrator."""
        token = (self.data / "sample-admin.key").read_text().strip()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return self.ask(self.port, method, path, None if body is None else json.dumps(body), headers)

    def mend(self, page_port, arn, policy):
        """Pastes the policy into the emulator's page, as a person in a browser does."""
        page = self.ask(page_port, "GET", "/_emulator/").raw.decode()
        link = next(html.unescape(found) for found in re.findall(r'href="([^"]+)"', page)
                    if urllib.parse.unquote(found).endswith(arn))
        form = self.ask(page_port, "GET", link).raw.decode()
        fields = {name: html.unescape(value) for name, value in
                  re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form)}
        fields.update(policy=policy.replace("\n", "\r\n"), everywhere="yes", action="save")
        headers = {"Content-Type": "application/x-www-form-urlencoded",
                   "Origin": f"http://127.0.0.1:{page_port}", "Sec-Fetch-Site": "same-origin"}
        answer = self.ask(page_port, "POST", "/_emulator/keys", urllib.parse.urlencode(fields), headers)
        self.assertEqual(answer.status, 303, answer.raw)

    def test_the_emulated_key_is_refused_mended_added_and_migrated_to(self):
        self.port = harness.free_port()
        # A region or a bundle of certificates gives nobody access to anything.
        process, text = self.make_run(self.port, AWS_REGION="us-east-1",
                                      AWS_CA_BUNDLE="/etc/ssl/certs/ca-certificates.crt")
        self.wait_for_banner(process, text)
        banner = text()
        self.assertIn("AWS is EMULATED", banner)
        self.assertIn(str(self.data / "sample-admin.key"), banner)
        arn = re.search(r"arn:aws:kms:\S+", banner).group()
        page_port = int(re.search(r"http://127\.0\.0\.1:(\d+)/_emulator/", banner).group(1))
        options = self.expect(self.ask(self.port, "GET", harness.API + "/session/options"), 200)
        self.assertEqual(options["emulated"], True)
        self.assertEqual(options["emulatorUrl"], f"http://127.0.0.1:{page_port}/_emulator/")
        # The console is there, for browsers.
        page = self.ask(self.port, "GET", "/signin", headers={"Accept": "text/html"})
        self.assertEqual(page.status, 200)
        self.assertIn("default-src 'none'", page.headers["Content-Security-Policy"])

        key = {"name": "Demo key", "arn": arn, "keyprovider": "AWS-KMS"}
        refused = self.call("POST", PROVIDERS, key)
        self.assertEqual(refused.status, 403, refused)
        self.mend(page_port, arn, refused.json["errors"][0]["meta"]["mendedPolicy"])
        made = self.expect(self.call("POST", PROVIDERS, key), 201)
        self.expect(self.call("POST", f"{PROVIDERS}/{made['arnFingerPrint']}/actions/migrate", {}), 200)
        harness.wait_until(lambda: self.call("GET", PROVIDERS + "/migration/actions/details").json["state"] ==
                           "Completed", 60, "the migration")
        events = self.expect(self.call("GET", harness.API + "/audits?limit=100"), 200)["data"]
        self.assertIn("com.qlik.v1.encryption.keyprovider-migration.finished", {event["eventType"] for event in events})

        # Both are kept: the tenant still uses the key, and the key still admits the tenant.
        self.interrupt(process, text)
        self.port = harness.free_port()
        process, text = self.make_run(self.port)
        self.wait_for_banner(process, text)
        provider = self.expect(self.call("GET", f"{PROVIDERS}/{made['arnFingerPrint']}"), 200)
        self.assertEqual(provider["current"], True)
        for command in self.commands(text()):
            done = subprocess.run(["bash", "-c", command], cwd=harness.ROOT, capture_output=True, timeout=60)
            self.assertEqual(done.returncode, 0, (command, done.stdout, done.stderr))
        self.interrupt(process, text)

    def test_no_emulated_aws_where_a_real_one_is_configured(self):
        self.port = harness.free_port()
        process, text = self.make_run(self.port, AWS_ACCESS_KEY_ID="AKIAREALREALREAL0001",
                                      AWS_SECRET_ACCESS_KEY="x", AWS_EC2_METADATA_DISABLED="true")
        self.wait_for_banner(process, text)
        self.assertNotIn("EMULATED", text())
        self.assertNotIn("_emulator", text())
        self.assertFalse((self.data / "emulated-aws").exists())
        options = self.expect(self.ask(self.port, "GET", harness.API + "/session/options"), 200)
        self.assertEqual((options["emulated"], options["emulatorUrl"]), (False, None))
        self.interrupt(process, text)


if __name__ == "__main__":
    harness.main()
