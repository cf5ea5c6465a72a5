"""What the end-to-end tests of migrations share: a tenant that is used and migrated, a ledger of all that was
sealed in its name, and checks of the database by what its events tell."""
import base64
import contextlib
import http.client
import json
import random
import shutil
import sqlite3
import threading

import aws
import harness
from harness import ENCRYPTION

PROVIDERS = ENCRYPTION + "/keyproviders"
MIGRATION = PROVIDERS + "/migration/actions"
CONTEXT = {"app": "migrations"}
BATCH = 1000
GONE = (OSError, http.client.HTTPException)   # The server, in the middle of a call.

NEW, IN_PROGRESS, COMPLETED, FAILED, CANCELLED = range(1, 6)    # model::MigrationState
JOB_DONE = 2                                                    # model::RewrapState
STORED_VERSION_OFFSET = 1 << 24


def is_gone(server):
    """Whether the process has ended, which may show a moment after its connections have."""
    with contextlib.suppress(AssertionError):
        harness.wait_until(lambda: server.process.poll() is not None, 5)
        return True
    return False


class Unavailable(AssertionError):
    """An answer that says to try again later."""


class Ledger:
    """Everything that was sealed, and what it must open to. Thread-safe."""

    def __init__(self):
        self.lock = threading.Lock()
        self.values, self.detached = [], []   # Pairs of a text and the plaintext, as base64.
        self.managed = {}                     # By id, the plaintext as base64.
        self.deleted = set()                  # Ids whose deletion was answered.
        self.uncertain = set()                # Ids whose deletion was not.

    def __len__(self):
        return len(self.values) + len(self.detached) + len(self.managed)

    def add_value(self, text, plaintext):
        with self.lock:
            self.values.append((text, plaintext))

    def add_keys(self, keys, managed):
        with self.lock:
            for key in keys:
                if managed:
                    self.managed[key["id"]] = key["plaintext"]
                else:
                    self.detached.append((key["wrappedKey"], key["plaintext"]))

    def take_for_deletion(self, rng):
        """An id that may be gone from now on."""
        with self.lock:
            if not self.managed:
                return None
            key = rng.choice(list(self.managed))
            del self.managed[key]
            self.uncertain.add(key)
            return key

    def gone(self):
        """The ids that need not open any more."""
        with self.lock:
            return self.uncertain | self.deleted

    def note_deletion(self, key):
        with self.lock:
            self.uncertain.discard(key)
            self.deleted.add(key)

    def sample(self, rng, count):
        """Some of each: requests for values, requests for data keys."""
        with self.lock:
            values = rng.sample(self.values, min(count, len(self.values)))
            keys = [({"wrappedKey": text}, plaintext)
                    for text, plaintext in rng.sample(self.detached, min(count, len(self.detached)))]
            keys += [({"id": key}, self.managed[key])
                     for key in rng.sample(list(self.managed), min(count, len(self.managed)))]
        return [({"ciphertext": text}, plaintext) for text, plaintext in values], keys


class Tenant:
    """One tenant with its keys, as its administrator and its content service see it."""

    def __init__(self, case, server, name="Migrated"):
        self.case = case
        self.id = case.tenant(server, name)
        self.admin_key, self.admin = case.api_key(server, "TenantAdmin", self.id)
        self.content = case.service_token(server, self.id)
        self.ledger = Ledger()
        self.arns = {}   # By fingerprint; "" of the internal KMS.
        self.arns[self.id] = ""

    def add_key(self, server, name, multi_region=True):
        arn, _ = self.case.emulator.create_key(aws.tenant_policy([self.id]), multi_region)
        made = self.case.expect(server.call("POST", PROVIDERS, {"keyprovider": "AWS-KMS", "name": name, "arn": arn},
                                            token=self.admin), 201)
        self.arns[made["arnFingerPrint"]] = arn
        return made["arnFingerPrint"]

    def expect(self, answer, *statuses):
        if answer.status in (503, 504) and answer.status not in statuses:
            raise Unavailable(answer)
        self.case.assertIn(answer.status, statuses, answer)
        return answer.json if answer.raw else None

    # --- Migrations: each returns the answer's JSON ---
    def migrate(self, server, fingerprint):
        return self.expect(server.call("POST", f"{PROVIDERS}/{fingerprint}/actions/migrate", token=self.admin), 200)

    def change(self, server, action, body=None):
        return self.expect(server.call("POST", f"{MIGRATION}/{action}", body, token=self.admin), 200)

    def details(self, server):
        """None when there never was one."""
        answer = server.call("GET", MIGRATION + "/details", token=self.admin)
        self.expect(answer, 200, 404)
        return answer.json if answer.status == 200 else None

    def wait_for(self, server, state, timeout=60):
        """Until the migration has come to `state`; returns its details."""
        seen = []

        def there():
            seen[:] = [self.details(server)]
            return seen[0] is not None and seen[0]["state"] == state
        try:
            harness.wait_until(there, timeout, state)
        except AssertionError as late:
            raise AssertionError(f"{late}: {seen}") from late
        return seen[0]

    def current(self, server):
        """The fingerprint of the one provider that is current."""
        listed = self.expect(server.call("GET", PROVIDERS + "/actions/list", token=self.admin), 200)
        current = [row["arnFingerPrint"] for row in listed if row.get("current")]
        self.case.assertEqual(len(current), 1, listed)
        return current[0]

    # --- Content ---
    def seal(self, server, plaintext):
        plaintext = base64.b64encode(plaintext).decode()
        answer = self.expect(server.call("POST", ENCRYPTION + "/values/actions/seal",
                                              {"plaintext": plaintext, "encryptionContext": CONTEXT}, token=self.content), 200)
        self.ledger.add_value(answer["ciphertext"], plaintext)

    def make_keys(self, server, count, managed):
        body = {"managed": managed, "count": count, "encryptionContext": CONTEXT}
        answer = self.expect(server.call("POST", ENCRYPTION + "/data-keys", body, token=self.content), 201)
        self.ledger.add_keys(answer["items"], managed)

    def delete_key(self, server, rng):
        key = self.ledger.take_for_deletion(rng)
        if key is None:
            return
        self.expect(server.call("DELETE", f"{ENCRYPTION}/data-keys/{key}", token=self.content), 200, 204)
        self.ledger.note_deletion(key)

    def open_all(self, server, path, items):
        """Pairs of a request and the plaintext that must come back."""
        for start in range(0, len(items), BATCH):
            batch = items[start:start + BATCH]
            body = {"items": [{**request, "encryptionContext": CONTEXT} for request, _ in batch]}
            answers = self.expect(server.call("POST", ENCRYPTION + path, body, token=self.content), 200)["items"]
            self.case.assertEqual(len(answers), len(batch))
            gone = self.ledger.gone()
            for (request, plaintext), answer in zip(batch, answers):
                if request.get("id") in gone:
                    continue   # Deleted by another thread since it was chosen.
                self.case.assertEqual(answer.get("plaintext"), plaintext, (request, answer))

    def open_some(self, server, rng, count=5):
        values, keys = self.ledger.sample(rng, count)
        self.open_all(server, "/values/actions/open", values)
        self.open_all(server, "/data-keys/actions/unwrap", keys)

    def assert_everything_opens(self, server):
        values, keys = self.ledger.sample(random.Random(0), len(self.ledger))
        self.open_all(server, "/values/actions/open", values)
        self.open_all(server, "/data-keys/actions/unwrap", keys)
        for key in list(self.ledger.deleted)[-20:]:
            answer = self.case.unwrap(server, self.content, context=CONTEXT, id=key)
            self.case.assertEqual(answer.status, 404, answer)


class Traffic(threading.Thread):
    """Uses a tenant by one server until it is told to stop or the server is gone. Every answer must be right."""

    def __init__(self, tenant, server, seed):
        super().__init__(daemon=True)
        self.tenant, self.server, self.rng = tenant, server, random.Random(seed)
        self.stopping = threading.Event()
        self.excused = threading.Event()   # While the server may say that it is unavailable.
        self.failure = None
        self.answers = 0

    def run(self):
        try:
            while not self.stopping.is_set():
                self.step_unless_excused()
        except GONE as gone:
            self.failure = None if is_gone(self.server) else gone
        except BaseException as failure:   # Told to the test, which is another thread.
            self.failure = failure

    def step_unless_excused(self):
        try:
            self.step()
            self.answers += 1
        except Unavailable:
            if not self.excused.is_set():
                raise

    def step(self):
        tenant, choice = self.tenant, self.rng.random()
        if choice < 0.25:
            tenant.seal(self.server, self.rng.randbytes(self.rng.randint(0, 40)))
        elif choice < 0.5:
            tenant.make_keys(self.server, self.rng.randint(1, 6), managed=choice < 0.45)
        elif choice < 0.6:
            tenant.delete_key(self.server, self.rng)
        else:
            tenant.open_some(self.server, self.rng)
        self.stopping.wait(self.rng.uniform(0, 0.03))

    def finish(self):
        self.stopping.set()
        self.join(60)
        self.tenant.case.assertFalse(self.is_alive(), "a request is never answered")
        if self.failure:
            raise self.failure


class Snapshot:
    """The database as it lies on the disk, read from a copy so that nothing is recovered or changed by looking."""

    def __init__(self, data, scratch, tenant):
        scratch.mkdir(exist_ok=True)
        for name in ("tenantseal.db", "tenantseal.db-wal"):
            (scratch / name).unlink(missing_ok=True)
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(data / name, scratch / name)
        with contextlib.closing(sqlite3.connect(scratch / "tenantseal.db")) as database:
            database.row_factory = sqlite3.Row

            def rows(query, *values):
                return [dict(row) for row in database.execute(query, values)]
            self.check = rows("PRAGMA integrity_check")[0]["integrity_check"]
            self.tenant = rows("SELECT * FROM tenants WHERE id=?", tenant)[0]
            self.providers = rows("SELECT * FROM providers WHERE tenant=?", tenant)
            self.versions = {row["version"] for row in rows("SELECT version FROM tenant_keys WHERE tenant=?", tenant)}
            self.wraps = {(row["version"], row["provider"])
                          for row in rows("SELECT version, provider FROM tenant_key_wraps WHERE tenant=?", tenant)}
            self.data_keys = {row["version"] - STORED_VERSION_OFFSET: row["n"] for row in rows(
                "SELECT version, count(*) AS n FROM data_keys WHERE tenant=? GROUP BY version", self.tenant["number"])}
            self.quarantined = rows("SELECT count(*) AS n FROM quarantine WHERE tenant=?", tenant)[0]["n"]
            self.migration = (rows("SELECT * FROM migrations WHERE tenant=?", tenant) or [None])[0]
            self.job = (rows("SELECT * FROM rewrap_jobs WHERE tenant=?", tenant) or [None])[0]
            self.events = rows("SELECT * FROM events WHERE scope=? ORDER BY sequence", tenant)
        for event in self.events:
            event["data"] = json.loads(event["data"])

    @property
    def current(self):
        return self.tenant["current_provider"]

    @property
    def unfinished(self):
        return self.migration is not None and self.migration["state"] in (NEW, IN_PROGRESS)

    def events_of(self, kind):
        return [event for event in self.events if event["type"].endswith(kind)]

    def assert_sound(self, case):
        """What holds at any moment, of whatever is happening."""
        case.assertEqual(self.check, "ok")
        promoted = [row["fingerprint"] for row in self.providers if row["promoted_at"] and not row["demoted_at"]]
        case.assertEqual(promoted, [self.current], "exactly one provider is current")
        case.assertEqual(self.quarantined, 0)
        holders = {self.current}
        if self.unfinished:
            case.assertEqual(self.migration["from_provider"], self.current)
            if self.migration["state"] == IN_PROGRESS:
                holders.add(self.migration["to_provider"])
        case.assertEqual(self.wraps, {(version, holder) for version in self.versions for holder in holders},
                         "every version is wrapped by whoever must unwrap it, and by nobody else")
        case.assertLessEqual(set(self.data_keys), self.versions, "no data key is left on a version that is not there")
        self.assert_as_told(case)

    def assert_as_told(self, case):
        """Each event is there once, and what all of them tell is what the tables hold: neither a change without
        its event nor an event without its change."""
        ids = [event["id"] for event in self.events]
        case.assertEqual(len(ids), len(set(ids)), "no event is there twice")
        case.assertEqual([event["sequence"] for event in self.events], list(range(1, len(ids) + 1)))
        told = Story(case, self.tenant["id"])
        for event in self.events:
            told.tell(event)
        case.assertEqual(told.current, self.current)
        case.assertEqual(told.names, {row["fingerprint"]: row["name"] for row in self.providers if row["kind"] != 1})
        case.assertEqual(told.migration is not None, self.migration is not None)
        if self.migration is not None:
            case.assertEqual((told.migration, told.ended_as, told.paused),
                             (self.migration["id"], None if self.unfinished else self.migration["state"],
                              self.migration["pause"] != 0))
            case.assertEqual(self.job is not None and self.job["id"] == told.migration and self.job["state"] == JOB_DONE,
                             told.migration in told.rewrapped)


class Story:
    """A tenant's providers and migrations, from its events alone."""

    def __init__(self, case, tenant):
        self.case, self.current = case, tenant
        self.names, self.rewrapped, self.ended = {}, set(), set()
        self.migration, self.target, self.ended_as = None, None, None
        self.paused, self.done = False, -1

    def tell(self, event):
        kind, data = event["type"].rsplit(".", 1)[1], event["data"]
        if "keyprovider-migration" in event["type"]:
            self.tell_migration(kind, data)
        elif kind in ("created", "updated") and ".keyprovider." in event["type"]:
            self.names[data["arnFingerPrint"]] = data["name"]
        elif kind == "rewrapped":
            self.case.assertNotIn(data["jobId"], self.rewrapped, "a job is done once")
            self.rewrapped.add(data["jobId"])

    def tell_migration(self, kind, data):
        case = self.case
        if kind == "triggered":
            case.assertTrue(self.migration is None or self.ended_as, "one at a time")
            case.assertNotIn(data["id"], self.ended)
            case.assertEqual((data["migratingFromFingerprint"], data["state"]), (self.current, "New"))
            self.migration, self.target = data["id"], data["migratingToFingerprint"]
            self.ended_as, self.paused, self.done = None, False, -1
            return
        case.assertEqual((data["id"], self.ended_as), (self.migration, None), kind)
        if kind in ("paused", "resumed"):
            case.assertEqual(self.paused, kind == "resumed", "pauses and resumptions take turns")
            self.paused = not self.paused
        elif kind == "progressed":
            case.assertGreater(data["done"], self.done, "no progress is told twice")
            self.done = data["done"]
        else:
            case.assertTrue(not self.paused or kind != "finished" or data.get("acceptedSourceRefusal"),
                            "a paused migration goes on")
            self.end(*{"finished": (COMPLETED, "Completed"), "cancelled": (CANCELLED, "Cancelled"),
                       "failed": (FAILED, "Failed")}[kind], data)

    def end(self, state, name, data):
        self.case.assertEqual(data["state"], name)
        self.current = self.target if state == COMPLETED else self.current
        self.ended_as, self.paused = state, False
        self.ended.add(self.migration)
