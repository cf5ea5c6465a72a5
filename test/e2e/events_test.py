"""Events as a user lists and checks them: what `events verify` says of each way to change a database,
against signed heads that were kept elsewhere."""
import hashlib
import json
import shutil
import sqlite3
import struct
import subprocess
from contextlib import closing

import harness

FIELDS = "sequence, id, time, type, source, actor, data"


def field(raw):
    raw = raw.encode() if isinstance(raw, str) else raw
    return struct.pack(">I", len(raw)) + raw


def event_hash(previous, scope, row):
    """docs/formats.md, "Event chains and their heads"."""
    sequence, identity, time, kind, source, actor, data = row
    return hashlib.sha256(field(previous) + field("tenantseal/event/v1") + struct.pack(">Q", sequence) + field(scope) +
                          field(identity) + struct.pack(">Q", time) + field(kind) + field(source) + field(actor) +
                          field(data)).digest()


class Events(harness.Case):
    def setUp(self):
        super().setUp()
        self.server = self.start()
        self.id = self.tenant(self.server)
        self.admin = self.api_key(self.server, "TenantAdmin", self.id)[1]
        for _ in range(5):
            self.api_key(self.server, "Auditor", self.id)

    def keep_heads(self):
        """Stops the server, which signs, and keeps what an auditor would."""
        self.assertEqual(self.server.terminate(), 0, self.server.log)
        self.heads, self.key = self.directory / "kept.jsonl", self.directory / "kept.pub"
        shutil.copy(self.data / "event-heads.jsonl", self.heads)
        shutil.copy(self.data / "event-heads.pub", self.key)

    def database(self, statements=None):
        """A copy of the database, with `statements` done to it."""
        copy = self.directory / "copy.db"
        copy.unlink(missing_ok=True)
        with closing(sqlite3.connect(self.data / "tenantseal.db")) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        with closing(sqlite3.connect(copy)) as target:
            if statements:
                statements(target)
            target.commit()
        copy.chmod(0o600)
        return copy

    def rechain(self, database):
        """Makes every hash of the tenant's chain anew."""
        previous = bytes(32)
        rows = database.execute(f"SELECT {FIELDS} FROM events WHERE scope=? ORDER BY sequence", (self.id,)).fetchall()
        for row in rows:
            own = event_hash(previous, self.id, row)
            database.execute("UPDATE events SET previous_hash=?, hash=? WHERE scope=? AND sequence=?",
                             (previous, own, self.id, row[0]))
            previous = own

    def verify(self, *arguments, finds=None):
        done = self.cli("events", "verify", "--json", *arguments)
        self.assertEqual(done.returncode, 1 if finds else 0, done.stdout + done.stderr)
        report = json.loads(done.stdout)
        if finds:
            self.assertIn(finds, "\n".join(finding["what"] for finding in report["findings"]))
        else:
            self.assertEqual(report["findings"], [])
        return report

    def verify_copy(self, statements, finds, *, without_heads=None):
        """Against the kept heads it finds what it should; without them, what a chain alone shows."""
        copy = self.database(statements)
        self.verify("--database", copy, finds=without_heads)
        self.verify("--database", copy, "--checkpoint", self.heads, "--public-key", self.key, finds=finds)

    def test_what_is_as_it_was(self):
        self.keep_heads()
        report = self.verify("--data-dir", self.data)
        self.assertEqual(report["chains"], 2)
        self.assertGreaterEqual(report["signedHeads"], 2)
        self.assertGreaterEqual(report["events"], 8)
        self.verify_copy(None, None)
        with closing(sqlite3.connect(self.data / "tenantseal.db")) as database:
            rows = database.execute(f"SELECT {FIELDS} FROM events WHERE scope=? ORDER BY sequence", (self.id,)).fetchall()
            stored = database.execute("SELECT hash FROM events WHERE scope=? AND sequence=1", (self.id,)).fetchone()[0]
        self.assertEqual(event_hash(bytes(32), self.id, rows[0]), stored, "the document says how hashes are made")

    def test_alteration(self):
        self.keep_heads()
        alter = "UPDATE events SET actor='api-key:somebody-else' WHERE scope=? AND sequence=3"

        def plainly(database):
            database.execute(alter, (self.id,))

        def consistently(database):
            plainly(database)
            self.rechain(database)
        self.verify_copy(plainly, "was altered", without_heads="was altered")
        self.verify_copy(consistently, "is not what was signed")
        # With the keystore, its end is not what the service has recorded either.
        shutil.copy(self.database(consistently), self.data / "tenantseal.db")
        (self.data / "event-heads.jsonl").unlink()
        self.verify("--data-dir", self.data, finds="not the one that the service has recorded")

    def test_a_running_service_says_whether_its_chain_is_what_was_written(self):
        def chain():
            answer = self.server.call("GET", "/api/v1/audits/chain", token=self.admin)
            self.assertEqual(answer.status, 200, answer)
            return answer.json["data"]
        with closing(sqlite3.connect(self.data / "tenantseal.db")) as database:
            length, = database.execute("SELECT max(sequence) FROM events WHERE scope=?", (self.id,)).fetchone()
            end, = database.execute("SELECT hash FROM events WHERE scope=? AND sequence=?", (self.id, length)).fetchone()
            before = chain()
            self.assertEqual((before["state"], before["verifiedThrough"], before["hash"]), ("verified", length, end.hex()))
            database.execute("UPDATE events SET actor='api-key:somebody-else' WHERE scope=? AND sequence=3", (self.id,))
            database.commit()
        after = chain()
        self.assertEqual((after["state"], after["verifiedThrough"]), ("broken", 2))
        self.assertIn("an event chain is not what was written", self.server.log)

    def test_reordering(self):
        self.keep_heads()

        def swap(database):
            rows = [database.execute("SELECT id, time, type, actor, data FROM events WHERE scope=? AND sequence=?",
                                     (self.id, sequence)).fetchone() for sequence in (3, 4)]
            for sequence, row in ((4, rows[0]), (3, rows[1])):
                database.execute("UPDATE events SET id=?, time=?, type=?, actor=?, data=? WHERE scope=? AND sequence=?",
                                 (*row, self.id, sequence))

        def consistently(database):
            swap(database)
            self.rechain(database)
        self.verify_copy(swap, "was altered", without_heads="was altered")
        self.verify_copy(consistently, "is not what was signed")

    def test_truncation(self):
        self.keep_heads()

        def cut(database):
            database.execute("DELETE FROM events WHERE scope=? AND sequence>4", (self.id,))

        def hole(database):
            database.execute("DELETE FROM events WHERE scope=? AND sequence=4", (self.id,))

        def everything(database):
            database.execute("DELETE FROM events WHERE scope=?", (self.id,))
        self.verify_copy(cut, "cut off or rolled back to event 4")
        self.verify_copy(hole, "events are missing", without_heads="events are missing")
        self.verify_copy(everything, "rolled back to event 0")

    def test_rollback(self):
        self.assertEqual(self.server.terminate(), 0)
        old = self.directory / "old.db"
        shutil.copy(self.data / "tenantseal.db", old)
        self.server = self.start()
        for _ in range(3):
            self.api_key(self.server, "Auditor", self.id)
        self.keep_heads()
        shutil.copy(old, self.data / "tenantseal.db")
        self.verify("--data-dir", self.data, finds="rolled back to event")
        # The service that goes on with it says so, and signs no other history.
        self.server = self.start()
        harness.wait_until(lambda: "is not what was signed" in self.server.log, 30, "the alarm")
        for _ in range(5):
            self.api_key(self.server, "Auditor", self.id)
        self.assertEqual(self.server.terminate(), 0)
        self.verify("--data-dir", self.data, finds="is not what was signed")
        # Without the file in the directory, the copies tell.
        (self.data / "event-heads.jsonl").unlink()
        self.verify("--data-dir", self.data)
        self.verify("--data-dir", self.data, "--checkpoint", self.heads, finds="is not what was signed")

    def test_a_checkpoint_that_is_none(self):
        self.keep_heads()
        forged = self.directory / "forged.jsonl"
        forged.write_text(self.heads.read_text().replace('"sequence":', '"sequence":1'))
        done = self.cli("events", "verify", "--data-dir", self.data, "--checkpoint", forged)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(b"not signed by the key", done.stderr)
        done = self.cli("events", "verify", "--database", self.database(), "--checkpoint", self.heads)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"--public-key", done.stderr)
        self.assertEqual(self.cli("events", "verify", "--data-dir", self.data, "--checkpoint", "/none").returncode, 7)
        self.assertEqual(self.cli("events", "verify").returncode, 2)

    def test_verifies_while_the_service_runs(self):
        self.verify("--data-dir", self.data)
        self.api_key(self.server, "Auditor", self.id)
        self.verify("--data-dir", self.data)

    def test_list(self):
        options = {"server": self.server, "token": self.admin}
        everything = json.loads(self.cli_ok("events", "ls", "--json", **options).stdout)
        self.assertGreaterEqual(len(everything), 7)
        created = "com.tenantseal.v1.tenant.created"
        only = json.loads(self.cli_ok("events", "ls", "--json", "--type", created, **options).stdout)
        self.assertEqual([event["eventType"] for event in only], [created])
        oldest = json.loads(self.cli_ok("events", "ls", "--json", "--sort", "+eventTime", "--limit", "1", **options).stdout)
        self.assertEqual(oldest, only)
        ids = self.cli_ok("events", "ls", "--quiet", "--limit", "2", **options).stdout.split()
        self.assertEqual([i.decode() for i in ids], [event["id"] for event in everything[:2]])
        table = self.cli_ok("events", "ls", **options).stdout.decode()
        self.assertIn("role=Auditor", table)
        self.assertEqual(self.cli("events", "ls", "--from", "yesterday", **options).returncode, 2)
        self.assertEqual(self.cli("events", "ls", server=self.server,
                                  token=self.service_token(self.server, self.id)).returncode, 4)

    def test_follow(self):
        out = self.directory / "followed"
        with open(out, "wb") as file:
            following = subprocess.Popen([harness.BINARY, "events", "ls", "--follow", "--json", "--server",
                                          self.server.url], stdout=file, env={"TENANTSEAL_API_KEY": self.admin})
        self.addCleanup(following.wait)
        self.addCleanup(following.kill)

        def seen():
            return [json.loads(line) for line in out.read_text().splitlines()]
        harness.wait_until(lambda: len(seen()) >= 7, 20, "what has happened")
        before = len(seen())
        key = self.api_key(self.server, "Auditor", self.id)[0]
        harness.wait_until(lambda: len(seen()) > before, 20, "what happens now")
        self.assertEqual(seen()[-1]["data"]["id"], key)
        times = [event["eventTime"] for event in seen()]
        self.assertEqual(times, sorted(times))
        self.assertEqual(len({event["id"] for event in seen()}), len(times), "each once")


if __name__ == "__main__":
    harness.main()
