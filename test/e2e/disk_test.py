"""Disks that are full or read-only, wherever it hits: the message says which, of what, and the remedy."""
import os
import pathlib
import shutil
import subprocess
import unittest

import harness
from harness import API


@unittest.skipUnless(os.getuid() == 0, "needs root to mount a small file system")
class Disk(harness.Case):
    def mount(self, *arguments):
        if subprocess.run(["mount", *arguments], stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("mounting is not permitted here")
        self.addCleanup(subprocess.run, ["umount", "-l", arguments[-1]], stderr=subprocess.DEVNULL)

    def small_disk(self):
        small = self.directory / "small"
        small.mkdir()
        self.mount("-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", str(small))
        return small

    def fill(self, small):
        ballast = os.open(small / "ballast", os.O_WRONLY | os.O_CREAT)
        with self.assertRaises(OSError):
            while True:
                os.write(ballast, b"\0" * 4096)
        os.close(ballast)

    def assert_said_full(self, text, path):
        self.assertIn(f"The disk that holds {path} is full: free some space", text)

    def test_the_first_start(self):
        small = self.small_disk()
        self.fill(small)
        log = self.start_failing(small / "data", log=self.directory / "log")
        self.assert_said_full(log, small / "data/root.key")
        self.assertNotIn("root.key.", log, "no file that nobody knows")

    def test_a_start_in_a_directory_that_is_there(self):
        self.start().terminate()
        small = self.small_disk()
        shutil.copytree(self.data, small / "data")
        (small / "data").chmod(0o700)
        self.fill(small)
        log = self.start_failing(small / "data", log=self.directory / "log")
        self.assert_said_full(log, small / "data/tenantseal.db")

    def test_a_new_tenant(self):
        small = self.small_disk()
        server = self.start(small / "data", log=self.directory / "log")
        self.tenant(server)
        self.fill(small)
        refused = server.call("POST", API + "/tenants", {"name": "x", "region": "us-east-1"})
        self.assertEqual(refused.status, 503, refused)
        self.assert_said_full(refused.json["errors"][0]["detail"], small / "data/keystore.db")
        self.assert_said_full(server.log, small / "data/keystore.db")
        (small / "ballast").unlink()
        self.tenant(server, "There is room again")
        server.terminate()

    def test_a_backup(self):
        self.start().terminate()
        small = self.small_disk()
        self.fill(small)
        done = self.cli("backup", "--data-dir", self.data, "--output", small / "copy")
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assert_said_full(done.stderr.decode(), f"{small}/copy/tenantseal.db.partial")
        done = self.cli("backup", "--data-dir", self.data, "--output", self.directory / "copy.db",
                        "--keystore-output", small / "keystore.db")
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assert_said_full(done.stderr.decode(), small / "keystore.db")

    def test_a_read_only_file_system(self):
        server = self.start()
        self.tenant(server)
        for stop in (server.kill, lambda: None):   # With the log that a kill leaves, and without.
            stop()
            there = self.directory / "mounted"
            there.mkdir(exist_ok=True)
            self.mount("--bind", str(self.data), str(there))
            self.mount("-o", "remount,bind,ro", str(there))
            log = self.start_failing(there, log=self.directory / "log")
            self.assertIn(f"The file system that holds {there}/", log)
            self.assertIn("is read-only: mount it writable", log)
            self.assertNotIn("permission", log)
            subprocess.run(["umount", str(there)], check=True)
            self.start().terminate()
        there = self.directory / "mounted"
        self.mount("-t", "tmpfs", "-o", "ro", "tmpfs", str(there))
        log = self.start_failing(there / "data", log=self.directory / "log2")
        self.assertIn(f"The file system that holds {there}/data is read-only: mount it writable", log)
        self.assertNotIn("permission", log)

    def test_a_directory_whose_parent_is_missing(self):
        missing = pathlib.Path(self.directory / "no/such")
        log = self.start_failing(missing / "data", log=self.directory / "log")
        self.assertIn(f"mkdir -p {missing}", log)
        self.assertNotIn("permission", log)


if __name__ == "__main__":
    harness.main()
