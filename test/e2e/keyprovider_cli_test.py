"""The life of a customer's key, typed with `tenantseal encryption keyprovider`: registered, validated, migrated
to and back, deleted, while what was sealed before and during it opens."""
import json
import re
import signal
import subprocess
import unittest

import aws
import harness

UNKNOWN = "0" * 32


class KeyProviderCli(aws.Case):
    def setUp(self):
        super().setUp()
        self.server = self.start_aws()
        self.tenant_id = self.tenant(self.server)
        self.admin = self.api_key(self.server, "TenantAdmin", self.tenant_id)[1]
        self.content = self.service_token(self.server, self.tenant_id)

    def kp(self, *arguments, status=0, token=None):
        """Runs a command; returns its standard output, or its standard error if it is to fail."""
        done = self.cli("encryption", "keyprovider", *arguments, server=self.server, token=token or self.admin)
        self.assertEqual(done.returncode, status, (done.stdout, done.stderr))
        return (done.stderr if status else done.stdout).decode()

    def kp_json(self, *arguments, status=0):
        done = self.cli("encryption", "keyprovider", *arguments, "--json", server=self.server, token=self.admin)
        self.assertEqual(done.returncode, status, (done.stdout, done.stderr))
        return json.loads(done.stdout)

    def key(self, tenants=None):
        """A multi-region key that admits these tenants (default: ours), and its replica."""
        return self.emulator.create_key(aws.tenant_policy([self.tenant_id] if tenants is None else tenants), True)

    def register(self, name="Our key"):
        arn, replica = self.key()
        return self.kp("create", "--arn", arn, "--name", name, "-q").strip(), arn, replica

    def test_the_life_of_a_key(self):
        before = self.seal(self.server, self.content, b"before")
        keys = self.data_keys(self.server, self.content, count=300)
        arn, replica = self.key()

        # Looked at before it is registered.
        self.assertIn("round-trip", self.kp("validate", "--arn", arn))
        self.assertIn("needs no validation", self.kp("validate", self.tenant_id))
        self.assertEqual(self.kp("ls", "-q"), "")
        made = self.kp_json("create", "--arn", arn, "--name", "Our key", "--description", "Of 2026")
        fingerprint = made["arnFingerPrint"]
        self.assertRegex(fingerprint, "^[0-9a-f]{32}$")
        self.assertEqual((made["arn"], made["current"], made["replicaKeys"][0]["arn"]), (arn, False, replica))
        self.assertEqual(self.kp("ls", "-q").split(), [fingerprint])
        self.assertEqual(self.kp("list", "-q").split(), [self.tenant_id, fingerprint])
        self.assertRegex(self.kp("list"), rf"\* +{self.tenant_id} ")
        self.assertIn("Of 2026", self.kp("get", fingerprint))

        self.kp("patch", fingerprint, "--op", "replace", "--path", "/name", "--value", "Renamed")
        self.assertEqual(self.kp_json("get", fingerprint)["name"], "Renamed")
        self.assertEqual(self.kp_json("test", fingerprint)["validation"], "pass")
        report = self.kp_json("validate", fingerprint)
        self.assertEqual(report["outcome"], "pass", report)
        self.assertEqual(self.kp_json("validate", fingerprint, "--last"), report)
        plan = self.kp_json("plan", fingerprint)
        self.assertEqual((plan["dataKeys"], plan["migratingToFingerprint"]), (300, fingerprint))
        self.assertGreater(plan["kmsCalls"], 0)

        # There: progress as plain lines, since standard error is no terminal.
        done = self.cli("encryption", "keyprovider", "migrate", fingerprint, "--wait", server=self.server,
                        token=self.admin)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout.decode(), r"state +Completed")
        self.assertRegex(done.stderr.decode(), r"\ACompleted 100 %|\n?Completed 100 %, 300 of 300 data keys\n\Z")
        self.assertNotIn(b"\x1b", done.stderr)
        self.assertTrue(self.kp_json("get", fingerprint)["current"])
        self.assert_opens(self.server, self.content, before, b"before")
        within = self.seal(self.server, self.content, b"within")
        self.assertTrue(within.startswith(f"#BYOKv1#:{fingerprint}:"))
        for key in keys[::50]:
            self.assertEqual(self.unwrap(self.server, self.content, id=key["id"]).json["plaintext"], key["plaintext"])
        self.assertEqual(self.kp_json("usage", fingerprint)["dataKeys"], 300)
        self.assertEqual(self.kp_json("usage", self.tenant_id)["dataKeys"], 0)
        self.assertIn("safeToDelete", self.kp("usage", fingerprint))
        self.assertIn("(Encryption-40)", self.kp("rm", fingerprint, status=1))
        self.assertEqual(self.kp("quarantine", "-q"), "")
        self.assertIn("No data key", self.kp("quarantine"))
        self.assertEqual(self.kp("quarantine", "--retry-all"), "0 data keys open again.\n")

        # And back.
        self.assertRegex(self.kp("reset-to-default-provider", "--wait"), r"state +Completed")
        details = self.kp_json("migration-details")
        self.assertEqual((details["state"], details["migratingToFingerprint"]), ("Completed", self.tenant_id))
        for value, plaintext in ((before, b"before"), (within, b"within")):
            self.assert_opens(self.server, self.content, value, plaintext)
        self.assertIn("already", self.kp("reset-to-default-provider"))
        self.assertIn("Deleted", self.kp("rm", fingerprint))
        created = self.kp("events", "ls", "--type", "com.qlik.v1.encryption.keyprovider.created", "-q")
        self.assertEqual(len(created.split()), 1)
        self.assertEqual(self.kp("list", "-q").split(), [self.tenant_id])
        self.assert_opens(self.server, self.content, within, b"within")

    def test_what_is_refused_says_why_and_how_to_mend_it(self):
        arn, _ = self.key(tenants=[])
        told = self.kp("create", "--arn", arn, "--name", "K", status=1)
        self.assertIn("(Encryption-88)", told)
        self.assertRegex(told, r"FAIL +authorised")
        self.assertIn("to mend it: ", told)
        statements = json.loads(re.search(r"belongs into .*:\n(.*)", told, re.S).group(1))
        policy = json.loads(aws.tenant_policy([]))
        policy["Statement"] += statements
        self.assertIn(self.tenant_id, json.dumps(policy))
        self.assertIn(aws.ROLE, json.dumps(policy))
        dry = self.kp_json("validate", "--arn", arn, status=1)
        self.assertEqual(dry["outcome"], "fail")
        envelope = self.kp_json("create", "--arn", arn, "--name", "K", status=1)
        self.assertEqual(envelope["errors"][0]["code"], "Encryption-88")
        self.assertEqual(self.kp("ls", "-q"), "")

        # What was told mends it: the policy with these statements admits the tenant.
        for region in (aws.PRIMARY, aws.BACKUP):
            self.emulator.kms("PutKeyPolicy", region, KeyId=arn.rsplit("/", 1)[1], PolicyName="default",
                              Policy=json.dumps(policy))
        self.kp("validate", "--arn", arn)
        fingerprint = self.kp("create", "--arn", arn, "--name", "K", "-q").strip()
        self.assertIn("(Encryption-21)", self.kp("create", "--arn", arn, "--name", "Again", status=1))

        self.assertIn("(Encryption-20)", self.kp("create", "--arn", "arn:aws:s3:::b", "--name", "K", status=1))
        for command in ("get", "rm", "migrate", "test", "usage", "plan"):
            self.assertIn("(Encryption-11)", self.kp(command, UNKNOWN, status=1), command)
        self.assertIn("(Encryption-46)", self.kp("migration-details", status=1))
        for command in ("pause", "resume", "cancel"):
            self.assertRegex(self.kp(command, status=1), r"\(Encryption-4[67]\)", command)
        told = self.kp("patch", fingerprint, "--op", "remove", "--path", "/name", status=1)
        self.assertIn("(Encryption-10)", told)

        # A key that has come to refuse is no target.
        self.emulator.kms("DisableKey", KeyId=arn)
        told = self.kp("migrate", fingerprint, "--wait", status=1)
        self.assertIn("(Encryption-41)", told)
        self.assertIn("FAIL", told)
        self.assertIn(f"validate {fingerprint} --last", self.kp("test", fingerprint, status=1))
        self.assertEqual(self.kp_json("list")[0]["current"], True)

        self.assertIn("--arn", self.kp("create", "--name", "K", status=2))
        self.kp("get", status=2)
        self.kp("get", "a/b", status=2)
        self.kp("list", status=4, token="no-such-key")
        self.kp("create", "--arn", arn, "--name", "K", status=4, token=self.content)
        self.server.terminate()
        self.kp("list", status=5)

    def test_a_migration_is_paused_resumed_and_cancelled(self):
        self.server.terminate()
        self.server = self.start_aws("--migration-rate", "20")    # Half a minute for the data keys below.
        self.data_keys(self.server, self.content, count=600)
        fingerprint, _, _ = self.register()
        self.assertIn("New", self.kp("migrate", fingerprint))
        self.assertIn("(Encryption-44)", self.kp("migrate", fingerprint, status=1))
        self.assertIn("(Encryption-45)", self.kp("reset-to-default-provider", status=1))
        self.assertRegex(self.kp("pause"), r"pausedBecause +operator")
        told = self.kp("migration-details", "--wait", status=1)
        self.assertIn("is paused (operator)", told)
        self.assertNotIn("pausedBecause", self.kp("resume"))
        self.assert_an_interrupt_ends_only_the_waiting()
        self.assertRegex(self.kp("cancel"), r"state +Cancelled")
        self.assertIn("ended as Cancelled", self.kp("migration-details", "--wait", status=1))
        self.assertIn("(Encryption-47)", self.kp("resume", status=1))
        self.assertTrue(self.kp_json("get", self.tenant_id)["current"])

    def assert_an_interrupt_ends_only_the_waiting(self):
        command = [harness.BINARY, "encryption", "keyprovider", "migration-details", "--wait"]
        with subprocess.Popen(command, env=self.cli_environment(self.server, self.admin), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as waiting:
            first = waiting.stderr.readline()   # So it waits.
            waiting.send_signal(signal.SIGINT)
            _, told = waiting.communicate(timeout=20)
        self.assertRegex(first.decode(), r"\A(New|InProgress) \d+ %")
        self.assertEqual(waiting.returncode, 130)
        self.assertIn("the migration goes on", told.decode())
        self.assertIn(self.kp_json("migration-details")["state"], ("New", "InProgress"))

    def test_flags_of_qlik_go_before_the_command_too(self):
        done = self.cli("--json", "encryption", "-s", self.server.url, "--headers", f"Authorization=Bearer {self.admin}",
                        "keyprovider", "--server-type", "cloud", "list", environment={"HOME": str(self.directory)})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)[0]["arnFingerPrint"], self.tenant_id)
        self.assertIn(b"warning", done.stderr)
        self.assertNotIn(self.admin.encode(), done.stderr)
        done = self.cli("--json", "serve", environment={"HOME": str(self.directory)})
        self.assertEqual((done.returncode, b"`--json` is no" in done.stderr), (2, True), done.stderr)

    def test_an_alias_is_pinned_to_its_key(self):
        arn, _ = self.key()
        alias = arn.rsplit(":", 1)[0] + ":alias/our-key"
        self.emulator.kms("CreateAlias", AliasName="alias/our-key", TargetKeyId=arn)
        made = self.kp_json("create", "--arn", alias, "--name", "By alias")
        self.assertEqual((made["arn"], made["aliasArn"]), (arn, alias))
        self.assertIn("(Encryption-21)", self.kp("create", "--arn", arn, "--name", "By ARN", status=1))

    def test_contexts_stand_in_for_the_environment(self):
        home = {"HOME": str(self.directory)}
        key = self.directory / "key"
        key.write_text(self.admin + "\n")
        key.chmod(0o600)

        def run(*arguments):
            return self.cli(*arguments, environment=home)

        self.assertEqual(run("context", "set", "test", "--server", self.server.url, "--api-key-file", key).returncode, 0)
        self.assertNotIn(self.admin.encode(), run("context", "ls", "--json").stdout)
        listed = run("encryption", "keyprovider", "list", "-q")
        self.assertEqual(listed.stdout.decode().split(), [self.tenant_id], listed.stderr)
        self.assertEqual(run("tenant", "me").returncode, 0)    # As do all commands.
        stored = self.directory / ".config/tenantseal/contexts.json"
        self.assertEqual(stored.stat().st_mode & 0o777, 0o600)
        stored.chmod(0o604)
        refused = run("encryption", "keyprovider", "list")
        self.assertEqual((refused.returncode, b"chmod 600" in refused.stderr), (1, True))


if __name__ == "__main__":
    harness.main()
