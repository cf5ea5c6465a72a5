"""Backups taken in mid-migration and restored elsewhere, with root and keystore: everything opens there, the
migration goes on or is cancelled there, also when the source's key has been disabled or deleted in AWS since."""
import json
import random

import aws
import harness
import migrations
from migrations import PROVIDERS

DATA_KEYS = 900
RATE = 300   # Data keys a second: a migration moves them for 3 s.


class MigrationBackup(aws.Case):
    """The tenant is on its first key and moves to the second; backups are of the time in between."""

    def setUp(self):
        super().setUp()
        self.server = self.serve(self.data)
        self.used = migrations.Tenant(self, self.server)
        self.first = self.used.add_key(self.server, "First", multi_region=False)
        self.second = self.used.add_key(self.server, "Second", multi_region=False)
        self.used.make_keys(self.server, DATA_KEYS, managed=True)
        self.used.make_keys(self.server, 10, managed=False)
        self.used.seal(self.server, b"by the internal KMS")
        self.used.migrate(self.server, self.first)
        self.used.wait_for(self.server, "Completed")
        self.used.seal(self.server, b"by the first key")

    def serve(self, data):
        return self.start(data, environment=self.environment, arguments=[
            "--migration-rate", str(RATE), "--revocation-bound", "2s", "--write-rate", "1000000",
            "--aws-backup-region", f"{aws.PRIMARY}="])

    def back_up(self, name):
        self.cli_ok("backup", "--data-dir", self.data, "--output", self.directory / name)

    def restored(self, name, elsewhere):
        """A server on what was restored from the backup."""
        root = self.directory / "root-kept-apart.key"
        root.write_bytes((self.data / "root.key").read_bytes())
        root.chmod(0o600)
        data = self.directory / elsewhere
        self.cli_ok("restore", "--input", self.directory / name, "--root-key-file", root, "--data-dir", data)
        return self.serve(data)

    def begin_and_back_up(self):
        """Two backups: before any version is wrapped by the target, and while data keys are moved."""
        for _ in range(20):
            self.used.migrate(self.server, self.second)
            if self.used.change(self.server, "pause")["state"] == "New":
                break
            self.used.change(self.server, "cancel")
        else:
            self.fail("the pause never comes before the first step")
        self.back_up("new")
        self.used.change(self.server, "resume")
        harness.wait_until(lambda: 100 < self.used.details(self.server)["done"] < DATA_KEYS, 30, "some moved data keys")
        self.back_up("in-progress")
        self.used.seal(self.server, b"after the backups")
        self.late = self.used.ledger.values.pop()
        self.used.wait_for(self.server, "Completed")

    def assert_sound(self, server):
        snapshot = migrations.Snapshot(server.data_path, self.directory / "scratch", self.used.id)
        snapshot.assert_sound(self)
        report = json.loads(self.cli_ok("events", "verify", "--json", "--data-dir", server.data_path).stdout)
        self.assertEqual(report["findings"], [])
        return snapshot

    def start(self, data=None, **options):
        server = super().start(data, **options)
        server.data_path = data or self.data
        return server

    def assert_completed(self, server):
        self.used.wait_for(server, "Completed")
        self.assertEqual(self.used.current(server), self.second)
        self.used.assert_everything_opens(server)

        def moved():
            snapshot = self.assert_sound(server)
            return set(snapshot.data_keys) == {snapshot.tenant["active_version"]}
        harness.wait_until(moved, 30, "the last data key's move")

    def assert_cancelled(self, server):
        self.used.change(server, "cancel")
        self.assertEqual(self.used.details(server)["state"], "Cancelled")
        self.assertEqual(self.used.current(server), self.first)
        self.used.assert_everything_opens(server)
        self.assert_sound(server)

    def everything_answers(self, server):
        """The statuses and codes with which what is sealed answers."""
        value = self.open_value(server, self.used.content, self.used.ledger.values[0][0], migrations.CONTEXT)
        key = self.unwrap(server, self.used.content, context=migrations.CONTEXT, id=next(iter(self.used.ledger.managed)))
        return {(answer.status, "" if answer.status == 200 else answer.code) for answer in (value, key)}

    def test_a_restored_migration_goes_on_or_is_cancelled(self):
        self.begin_and_back_up()
        self.used.assert_everything_opens(self.server)
        self.server.kill()
        for name, percent in (("new", 0), ("in-progress", 1)):
            with self.subTest(name):
                server = self.restored(name, f"{name}-goes-on")
                self.used.assert_everything_opens(server)
                # A value is no row: it opens exactly if its version is in the backup.
                late = self.open_value(server, self.used.content, self.late[0], migrations.CONTEXT)
                self.assertEqual(late.status, 200 if percent else 422, late)
                details = self.used.details(server)
                self.assertEqual(details["state"], "InProgress" if percent else "New")
                self.assertGreaterEqual(details["progress"], percent)
                if not percent:
                    self.used.change(server, "resume")
                self.assert_completed(server)
                server.kill()
                server = self.restored(name, f"{name}-is-cancelled")
                self.assert_cancelled(server)
                # And then it may be tried anew.
                self.used.migrate(server, self.second)
                self.assert_completed(server)
                server.kill()

    def usage_of_first(self):
        return self.expect(self.server.call("GET", f"{PROVIDERS}/{self.first}/usage", token=self.used.admin), 200)

    def test_a_source_that_was_disabled_meanwhile_is_enabled_again(self):
        self.begin_and_back_up()
        usage = self.usage_of_first()
        self.assertEqual((usage["tenantKeys"], usage["dataKeys"], usage["safeToDelete"]), (0, 0, False), usage)
        self.assertIn("keepKeyUntil", usage)   # Since backups may need it: disabled is not deleted.
        self.emulator.kms("DisableKey", KeyId=self.used.arns[self.first])
        self.used.assert_everything_opens(self.server)
        self.server.kill()
        server = self.restored("in-progress", "elsewhere")
        self.assertEqual(self.everything_answers(server), {(403, "key-revoked")})
        harness.wait_until(lambda: self.used.details(server).get("pausedBecause") == "source-refuses", 60, "the pause")
        self.emulator.kms("EnableKey", KeyId=self.used.arns[self.first])
        harness.wait_until(lambda: self.everything_answers(server) == {(200, "")}, 70, "the reinstatement")
        self.used.assert_everything_opens(server)
        self.used.change(server, "resume")
        self.assert_completed(server)

    def delete_first(self):
        self.emulator.kms("ScheduleKeyDeletion", KeyId=self.used.arns[self.first], PendingWindowInDays=7)
        self.emulator.admin("clock", {"advance": "8d"})

    def test_a_source_that_was_deleted_meanwhile(self):
        self.begin_and_back_up()
        self.delete_first()
        self.used.assert_everything_opens(self.server)
        self.server.kill()

        # Every version was wrapped by the target already: somebody may decide to finish without the source.
        server = self.restored("in-progress", "wrapped-by-both")
        self.assertEqual(self.everything_answers(server), {(403, "key-revoked")})
        harness.wait_until(lambda: self.used.details(server).get("pausedBecause") == "source-refuses", 60, "the pause")
        refused = server.call("POST", migrations.MIGRATION + "/resume", token=self.used.admin)
        self.assertEqual(refused.status, 409, refused)
        self.used.change(server, "resume", {"acceptSourceRefusal": True})
        self.assert_completed(server)
        server.kill()

        # Nothing was: it says so, loses nothing, and may be cancelled, which does not bring the key back.
        server = self.restored("new", "wrapped-by-the-source-alone")
        self.assertEqual(self.everything_answers(server), {(403, "key-revoked")})
        for body in (None, {"acceptSourceRefusal": True}):
            server.call("POST", migrations.MIGRATION + "/resume", body, token=self.used.admin)
            self.assertEqual(self.used.details(server)["state"], "New")
        self.used.change(server, "cancel")
        self.assertEqual(self.used.details(server)["state"], "Cancelled")
        self.assertEqual(self.everything_answers(server), {(403, "key-revoked")})
        self.assert_sound(server)

    def test_backups_at_any_moment(self):
        """A backup may fall on any transaction: each is whole."""
        rng = random.Random(4)
        self.used.migrate(self.server, self.second)
        names = []
        while self.used.details(self.server)["state"] != "Completed":
            names.append(f"backup-{len(names)}")
            self.back_up(names[-1])
        self.assertGreater(len(names), 5)
        self.server.kill()
        for name in rng.sample(names, 4):
            server = self.restored(name, f"of-{name}")
            self.used.assert_everything_opens(server)
            self.assert_sound(server)
            server.kill()


if __name__ == "__main__":
    harness.main()
