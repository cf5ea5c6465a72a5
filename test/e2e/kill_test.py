"""The server is killed (SIGKILL) during writes; then everything that it had answered is there.

TENANTSEAL_KILL_RUNS (default 10) kills; TENANTSEAL_KILL_SEED repeats a run.
"""
import http.client
import os
import random
import threading
import time

import harness
from harness import API, ENCRYPTION

RUNS = int(os.environ.get("TENANTSEAL_KILL_RUNS", "10"))
SEED = int(os.environ.get("TENANTSEAL_KILL_SEED", str(int(time.time()))))


class Writer(threading.Thread):
    """Makes data keys, values, tenants, API keys and rotations until the server is gone; remembers
    what was answered."""

    def __init__(self, case, server, tenant, token, admin, seed):
        super().__init__(daemon=True)
        self.case, self.server, self.tenant, self.token, self.admin = case, server, tenant, token, admin
        self.rng = random.Random(seed)
        self.keys, self.values, self.tenants, self.deleted = [], [], [], []
        self.failure = None

    def run(self):
        try:
            while True:
                self.step()
        except (OSError, http.client.HTTPException):
            pass   # The kill.
        except BaseException as failure:   # Told to the test, which is another thread.
            self.failure = failure

    def step(self):
        case, choice = self.case, self.rng.random()
        if choice < 0.5:
            self.keys += case.data_keys(self.server, self.token, count=self.rng.randint(1, 30))
        elif choice < 0.75:
            plaintext = self.rng.randbytes(20)
            self.values.append((case.seal(self.server, self.token, plaintext), plaintext))
        elif choice < 0.85 and self.keys:
            key = self.keys.pop()   # From here on it may be gone or not, until the answer.
            answer = self.server.call("DELETE", f"{ENCRYPTION}/data-keys/{key['id']}", token=self.token)
            case.assertIn(answer.status, (200, 204))
            self.deleted.append(key["id"])
        elif choice < 0.95:
            tenant = case.tenant(self.server, "During")
            self.tenants.append((tenant, case.service_token(self.server, tenant)))
        else:
            self.server.call("POST", ENCRYPTION + "/tenant-keys/actions/rotate", {}, token=self.admin)


class Kill(harness.Case):
    def check(self, server, token, keys, values, tenants, deleted):
        for key in keys:
            answer = self.expect(self.unwrap(server, token, id=key["id"]), 200)
            self.assertEqual(answer["plaintext"], key["plaintext"])
        for sealed, plaintext in values:
            self.assert_opens(server, token, sealed, plaintext)
        for tenant, own in tenants:
            self.assertEqual(self.expect(server.call("GET", API + "/tenants/me", token=own), 200)["id"], tenant)
            self.seal(server, own, b"x")
        for key in deleted:
            self.assertEqual(self.unwrap(server, token, id=key).status, 404)

    def test_nothing_that_was_answered_is_lost(self):
        print(f"TENANTSEAL_KILL_SEED={SEED} TENANTSEAL_KILL_RUNS={RUNS}", flush=True)
        rng = random.Random(SEED)
        server = self.start()
        tenant = self.tenant(server)
        token, admin = self.service_token(server, tenant), self.api_key(server, "TenantAdmin", tenant)[1]
        kept = []
        for run in range(RUNS):
            writers = [Writer(self, server, tenant, token, admin, rng.random()) for _ in range(4)]
            for writer in writers:
                writer.start()
            time.sleep(rng.uniform(0.05, 0.6))
            server.kill()
            for writer in writers:
                writer.join(40)
                if writer.failure:
                    raise writer.failure
            server = self.start(log=self.directory / "log")
            for writer in writers:
                self.check(server, token, writer.keys, writer.values, writer.tenants, writer.deleted)
                kept += rng.sample(writer.keys, min(3, len(writer.keys)))
        self.assertTrue(kept, "the runs have written something")
        self.check(server, token, kept[-200:], [], [], [])


if __name__ == "__main__":
    harness.main()
