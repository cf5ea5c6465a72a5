"""Backup and restore, root keys, and data directories in which something is wrong: the server says
which and how to mend it, and changes nothing."""
import hashlib
import os
import pathlib
import shutil
import sqlite3
import stat
import subprocess
import unittest

import harness

NOBODY = 65534


def digest_of(directory):
    """Names, modes and contents of everything in a directory, as one hash; lock files aside."""
    total = hashlib.sha256()
    for path in sorted(pathlib.Path(directory).rglob("*")):
        if path.is_file() and not path.name.endswith(("-shm", "-wal", ".lock")):
            total.update(f"{path.relative_to(directory)} {path.stat().st_mode:o}\n".encode())
            total.update(path.read_bytes())
    return total.hexdigest()


def database_in(directory):
    return pathlib.Path(directory) / "tenantseal.db"


class WithContent(harness.Case):
    """A stopped data directory that holds tenants, keys and values sealed before."""

    def setUp(self):
        super().setUp()
        server = self.start()
        self.sealed = []
        for name in ("A", "B"):
            tenant = self.tenant(server, name)
            token, admin = self.service_token(server, tenant), self.api_key(server, "TenantAdmin", tenant)[1]
            before = self.seal(server, token, name.encode())
            keys = self.data_keys(server, token, count=5)
            self.rotate(server, tenant, admin)
            self.sealed.append((token, name.encode(), [before, self.seal(server, token, name.encode())], keys))
        self.file = self.directory / "content"
        self.file.write_bytes(os.urandom(300_000))
        self.cli_ok("seal", self.file, "--output", self.directory / "content.sealed", server=server,
                    token=self.sealed[0][0])
        self.server = server

    def assert_everything_opens(self, server):
        for token, plaintext, values, keys in self.sealed:
            for value in values:
                self.assert_opens(server, token, value, plaintext)
            for key in keys:
                self.assertEqual(self.expect(self.unwrap(server, token, id=key["id"]), 200)["plaintext"], key["plaintext"])
        opened = self.directory / "content.opened"
        self.cli_ok("open", self.directory / "content.sealed", "--output", opened, server=server,
                    token=self.sealed[0][0])
        self.assertEqual(opened.read_bytes(), self.file.read_bytes())

    def assert_refuses_and_changes_nothing(self, data, *words, **options):
        before = digest_of(data)
        log = self.start_failing(data, **options).lower()
        for word in words:
            self.assertIn(word.lower(), log)
        self.assertEqual(digest_of(data), before, "nothing has changed")


class Recovery(WithContent):
    def test_restart_keeps_everything(self):
        self.assertEqual(self.server.terminate(), 0)
        self.assert_everything_opens(self.start())

    def test_backup_online_restore_elsewhere_open_everything(self):
        backup = self.directory / "backup"
        done = self.cli_ok("backup", "--data-dir", self.data, "--output", backup)
        said = (done.stdout + done.stderr).decode()
        self.assertIn("root", said, "it says what has to be backed up apart")
        late = self.seal(self.server, self.sealed[0][0], b"after the backup")
        self.server.kill()
        root = self.directory / "root-kept-apart.key"
        shutil.move(self.root_file(), root)
        shutil.rmtree(self.data)
        self.assertNotIn(root.read_bytes().split()[-1], b"".join(p.read_bytes() for p in backup.iterdir()))

        elsewhere = self.directory / "elsewhere"
        self.cli_ok("restore", "--input", backup, "--root-key-file", root, "--data-dir", elsewhere)
        server = self.start(elsewhere)
        self.assert_everything_opens(server)
        # A value is no row: it opens as long as its tenant key is there.
        self.assert_opens(server, self.sealed[0][0], late, b"after the backup")

    def test_a_restore_without_the_root_says_what_is_missing(self):
        backup = self.directory / "backup"
        self.cli_ok("backup", "--data-dir", self.data, "--output", backup)
        elsewhere = self.directory / "elsewhere"
        done = self.cli_ok("restore", "--input", backup, "--data-dir", elsewhere)
        self.assertIn(b"root.key", done.stderr)
        self.assert_refuses_and_changes_nothing(elsewhere, "root")
        shutil.copy2(self.root_file(), elsewhere / "root.key")
        self.assert_everything_opens(self.start(elsewhere))

    def test_a_damaged_copy_is_refused_whether_or_not_the_root_is_there(self):
        backup, elsewhere = self.directory / "backup", self.directory / "elsewhere"
        self.cli_ok("backup", "--data-dir", self.data, "--output", backup)
        copy = database_in(backup)
        whole = copy.read_bytes()
        torn = bytearray(whole)
        for page in range(10, len(torn) // 4096, 3):
            torn[page * 4096:page * 4096 + 8] = os.urandom(8)
        for content in (bytes(torn), whole[:len(whole) // 2], b"nonsense" * 1000, b""):
            copy.write_bytes(content)
            for root in ([], ["--root-key-file", self.root_file()]):
                done = self.cli("restore", "--input", backup, *root, "--data-dir", elsewhere)
                self.assertNotEqual(done.returncode, 0, done)
                self.assertIn(f"{copy} is damaged or no database of Tenantseal", done.stderr.decode())
                self.assertFalse(elsewhere.exists())

    def test_permissions_are_the_owners_alone(self):
        self.assertEqual(stat.S_IMODE(self.data.stat().st_mode), 0o700)
        for path in self.data.rglob("*"):
            if path.is_file():
                self.assertEqual(stat.S_IMODE(path.stat().st_mode) & 0o077, 0, path)

    def test_a_data_directory_open_to_others_is_refused(self):
        self.server.terminate()
        self.data.chmod(0o755)
        self.assert_refuses_and_changes_nothing(self.data, "chmod 700")

    def root_file(self):
        return next(p for p in self.data.iterdir() if p.is_file() and p.name.startswith("root"))

    def test_a_missing_root_is_never_replaced(self):
        self.server.terminate()
        self.root_file().rename(self.directory / "hidden")
        self.assert_refuses_and_changes_nothing(self.data, "root")
        shutil.move(self.directory / "hidden", self.data / "root.key")

    def test_a_wrong_root_is_refused(self):
        self.server.terminate()
        root = self.root_file()
        other = self.directory / "other"
        second = self.start(other)
        second.terminate()
        shutil.copy2(next(p for p in other.iterdir() if p.name == root.name), root)
        self.assert_refuses_and_changes_nothing(self.data, "root")

    def test_a_damaged_root_is_refused(self):
        self.server.terminate()
        root = self.root_file()
        root.write_bytes(root.read_bytes()[:-10])
        self.assert_refuses_and_changes_nothing(self.data, "root")

    def test_root_rotation_keeps_everything(self):
        self.assertEqual(self.server.terminate(), 0)
        before = self.cli_ok("root", "status", "--data-dir", self.data).stdout
        self.cli_ok("root", "rotate", "--data-dir", self.data)
        after = self.cli_ok("root", "status", "--data-dir", self.data).stdout
        self.assertNotEqual(before, after)
        self.assert_everything_opens(self.start())

    def test_a_corrupt_database_is_refused(self):
        self.server.terminate()
        path = database_in(self.data)
        raw = bytearray(path.read_bytes())
        raw[100:4096] = os.urandom(3996)
        path.write_bytes(raw)
        self.assert_refuses_and_changes_nothing(self.data, "database")

    def test_a_newer_database_is_refused(self):
        self.server.terminate()
        path = database_in(self.data)
        with sqlite3.connect(path) as database:
            version = database.execute("PRAGMA user_version").fetchone()[0]
            database.execute(f"PRAGMA user_version = {version + 1000}")
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.close()
        self.assert_refuses_and_changes_nothing(self.data, "newer")

    def test_a_row_that_an_administrator_changed_is_refused(self):
        self.server.terminate()
        path = database_in(self.data)
        with sqlite3.connect(path) as database:
            changed = database.execute("UPDATE tenants SET name = 'Mallory'").rowcount
        database.close()
        self.assertEqual(changed, 2)
        server = self.start()
        answer = self.open_value(server, self.sealed[0][0], self.sealed[0][2][0])
        self.assertEqual(answer.status, 500, answer)
        self.assertEqual(answer.code, "integrity")
        self.assertIn("integrity", server.log)

    @unittest.skipUnless(os.getuid() == 0, "needs root to start the server as somebody else")
    def test_a_read_only_data_directory_is_said_so(self):
        self.server.terminate()
        copy = pathlib.Path("/tmp") / f"{self.directory.name}-read-only"
        shutil.copytree(self.data, copy)
        self.addCleanup(shutil.rmtree, copy, ignore_errors=True)
        for path in [copy, *copy.rglob("*")]:
            os.chown(path, NOBODY, NOBODY)
        copy.chmod(0o500)
        for path in copy.rglob("*"):
            path.chmod(0o400 if path.is_file() else 0o500)
        log = self.directory / "read-only.log"
        self.assert_refuses_and_changes_nothing(copy, f"{copy}/", "writable for this user", user=NOBODY, log=log)

    @unittest.skipUnless(os.getuid() == 0, "needs root to mount a small file system")
    def test_a_full_disk_refuses_changes_and_loses_nothing(self):
        self.server.terminate()
        small = self.directory / "small"
        small.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", str(small)])
        if mounted.returncode != 0:
            self.skipTest("mounting is not permitted here")
        self.addCleanup(subprocess.run, ["umount", "-l", str(small)])
        shutil.copytree(self.data, small / "data")
        (small / "data").chmod(0o700)
        server = self.start(small / "data", log=self.directory / "small.log")
        ballast = os.open(small / "ballast", os.O_WRONLY | os.O_CREAT)
        with self.assertRaises(OSError):
            while True:
                os.write(ballast, b"\0" * 4096)
        os.close(ballast)
        statuses = set()
        for _ in range(40):
            body = {"managed": True, "encryptionContext": {}, "count": 100}
            answer = server.call("POST", harness.ENCRYPTION + "/data-keys", body, token=self.sealed[0][0])
            statuses.add(answer.status)
            if answer.status != 201:
                break
        self.assertIn(503, statuses, server.log)
        self.assertRegex(answer.raw.decode().lower() + server.log.lower(), "full|no space", answer)
        self.assert_everything_opens(server)
        (small / "ballast").unlink()
        harness.wait_until(lambda: server.call("POST", harness.ENCRYPTION + "/data-keys", body,
                                               token=self.sealed[0][0]).status == 201, 15, "recovery")
        self.assert_everything_opens(server)
        server.terminate()


if __name__ == "__main__":
    harness.main()
