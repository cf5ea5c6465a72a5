"""Two servers on one data directory during migrations, both in use. One is killed, or stopped (SIGSTOP) for longer
than every lease and continued: nothing happens twice, nothing is lost, and no key is used past its lease."""
import contextlib
import json
import os
import random
import signal
import threading
import time

import aws
import harness
import migrations

SEED = int(os.environ.get("TENANTSEAL_PROCESSES_SEED", str(int(time.time()))))
DATA_KEYS = 900
RATE = 300              # Data keys a second: a migration moves them for 3 s.
BOUND = 2               # Seconds; the least that the revocation bound may be.
TAKEN_FOR_DEAD = 10     # Seconds without progress after which another process takes over.
BOTH_TAKEN_OVER = 60    # Seconds within which the job and then the migration have been taken over and are done.


class TwoProcesses(aws.Case):
    def setUp(self):
        super().setUp()
        self.servers = [self.serve(), self.serve()]
        self.tenant_used = migrations.Tenant(self, self.servers[0])
        self.first = self.tenant_used.add_key(self.servers[0], "First", multi_region=False)
        self.second = self.tenant_used.add_key(self.servers[0], "Second", multi_region=False)
        self.tenant_used.make_keys(self.servers[0], DATA_KEYS, managed=True)
        self.tenant_used.make_keys(self.servers[1], 20, managed=False)
        self.traffic = []
        self.addCleanup(self.let_traffic_go)

    def serve(self):
        return self.start_aws("--migration-rate", str(RATE), "--write-rate", "1000000", "--read-rate", "1000000",
                              "--revocation-bound", f"{BOUND}s", "--aws-backup-region", f"{aws.PRIMARY}=")

    # --- Traffic ---
    def use(self, server, seed=1):
        thread = migrations.Traffic(self.tenant_used, server, seed)
        thread.start()
        self.traffic.append(thread)
        return thread

    def let_traffic_go(self):
        for thread in self.traffic:
            thread.stopping.set()

    def end_traffic(self):
        for thread in self.traffic:
            thread.finish()
            self.assertGreater(thread.answers, 0, "both have been used")
        self.traffic = []

    # --- Stopping ---
    def stop(self, server):
        """While it is stopped both may be unavailable: it may have stopped with the database's lock."""
        for thread in self.traffic:
            thread.excused.set()
        os.kill(server.pid, signal.SIGSTOP)
        self.addCleanup(self.go_on, server)

    def stop_outside_of_transactions(self, server, other):
        """So that the other can write."""
        for _ in range(20):
            self.stop(server)
            with contextlib.suppress(migrations.Unavailable):
                self.tenant_used.make_keys(other, 1, managed=True)
                return
            self.go_on(server)
            time.sleep(0.1)
        self.fail("it holds the lock whenever it is stopped")

    def go_on(self, server):
        if server.process.poll() is None:
            os.kill(server.pid, signal.SIGCONT)

    def worker(self, migration):
        """The server that has begun the work on the migration, and the other."""
        def by():
            return [server for server in self.servers
                    if any(migration in line and "has wrapped every version" in line for line in server.log.splitlines())]
        harness.wait_until(by, 20, "the beginning of the migration")
        own = by()
        self.assertEqual(len(own), 1, "one process alone works on it")
        return own[0], next(server for server in self.servers if server is not own[0])

    def assert_all_is_well(self, completed):
        for server in self.servers:
            self.tenant_used.assert_everything_opens(server)
        snapshot = migrations.Snapshot(self.data, self.directory / "scratch", self.tenant_used.id)
        snapshot.assert_sound(self)
        self.assertEqual(len(snapshot.events_of("migration.finished")), completed)
        self.assertEqual(set(snapshot.data_keys), {snapshot.tenant["active_version"]}, "every data key has moved")
        currents = {self.tenant_used.current(server) for server in self.servers}
        self.assertEqual(currents, {snapshot.current})
        report = json.loads(self.cli_ok("events", "verify", "--json", "--data-dir", self.data).stdout)
        self.assertEqual(report["findings"], [])
        return snapshot

    def test_who_is_killed_is_replaced(self):
        for server in self.servers:
            self.use(server)
        migration = self.tenant_used.migrate(self.servers[0], self.first)["id"]
        worker, other = self.worker(migration)
        worker.kill()
        self.tenant_used.wait_for(other, "Completed", BOTH_TAKEN_OVER)
        self.assertEqual(self.tenant_used.current(other), self.first)
        self.servers = [other, self.serve()]
        self.end_traffic()
        self.assert_all_is_well(1)

    def test_who_sleeps_is_replaced_and_changes_nothing_when_it_wakes(self):
        for server in self.servers:
            self.use(server)
        migration = self.tenant_used.migrate(self.servers[0], self.first)["id"]
        worker, other = self.worker(migration)
        self.stop_outside_of_transactions(worker, other)
        self.tenant_used.wait_for(other, "Completed", BOTH_TAKEN_OVER)
        # What is sealed meanwhile, the sleeper does not know of.
        self.tenant_used.make_keys(other, 50, managed=True)
        self.go_on(worker)
        time.sleep(3)   # In which it would go on with what it was in the middle of.
        self.assertEqual(self.tenant_used.current(worker), self.first)
        self.end_traffic()
        self.assert_all_is_well(1)

    def test_a_sleeper_relies_on_no_key_past_its_lease(self):
        tenant = self.tenant_used
        tenant.migrate(self.servers[0], self.first)
        tenant.wait_for(self.servers[0], "Completed", BOTH_TAKEN_OVER)
        sleeper, other = self.servers
        tenant.seal(sleeper, b"known to both")
        tenant.assert_everything_opens(sleeper)
        for _ in range(3):   # So that the migration outlasts the sleep.
            tenant.make_keys(other, DATA_KEYS, managed=True)
        migration = tenant.migrate(other, self.second)["id"]
        self.worker(migration)
        tenant.open_some(sleeper, random.Random(1))
        self.stop(sleeper)
        time.sleep(BOUND + 1)
        # The source, which decides until the end, refuses while it sleeps.
        self.emulator.kms("DisableKey", KeyId=tenant.arns[self.first])
        answers = []
        calls = [threading.Thread(target=lambda: answers.append(self.open_value(
            sleeper, tenant.content, tenant.ledger.values[0][0], migrations.CONTEXT))) for _ in range(4)]
        for call in calls:
            call.start()
        self.go_on(sleeper)
        for call in calls:
            call.join()
        self.assertEqual([answer.status for answer in answers], [403] * 4, answers)
        self.assertEqual({answer.code for answer in answers}, {"key-revoked"})

        harness.wait_until(lambda: tenant.details(other).get("pausedBecause") == "source-refuses", 60, "the pause")
        self.emulator.kms("EnableKey", KeyId=tenant.arns[self.first])
        harness.wait_until(lambda: self.open_value(other, tenant.content, tenant.ledger.values[0][0],
                                                   migrations.CONTEXT).status == 200, 70, "the reinstatement")
        tenant.change(other, "resume")
        tenant.wait_for(other, "Completed", BOTH_TAKEN_OVER)
        self.assert_all_is_well(2)

    def test_random_kills_and_sleeps(self):
        print(f"TENANTSEAL_PROCESSES_SEED={SEED}", flush=True)
        rng = random.Random(SEED)
        targets = [self.first, self.second, self.tenant_used.id, self.second]
        for number, target in enumerate(targets, 1):
            for server in self.servers:
                self.use(server, rng.random())
            victim, other = rng.sample(self.servers, 2)
            self.tenant_used.migrate(rng.choice(self.servers), target)
            time.sleep(rng.uniform(0, 4))
            if rng.random() < 0.4:
                victim.kill()
                time.sleep(rng.uniform(0, 3))
                self.servers = [other, self.serve()]
            else:
                self.stop(victim)
                time.sleep(rng.choice([0.5, BOUND + 1, TAKEN_FOR_DEAD + 2]))
                self.go_on(victim)
            self.tenant_used.wait_for(other, "Completed", BOTH_TAKEN_OVER)
            self.end_traffic()
            self.assert_all_is_well(number)


if __name__ == "__main__":
    harness.main()
