"""The server is killed (SIGKILL) at random moments of migrations between the internal KMS and keys in AWS KMS, while
content is sealed and opened; after each kill it goes on with the same data directory, and nothing is lost.

TENANTSEAL_MIGRATION_KILL_RUNS (default 40) kills in lives of RUNS_OF_A_LIFE each, several lives at a time. Each life is
played by its seed: `migration_kill_test.py --seed N` plays that one again.
"""
import argparse
import concurrent.futures
import contextlib
import json
import os
import pathlib
import random
import sys
import threading
import time
import traceback

import aws
import harness
import migrations
from migrations import PROVIDERS

RUNS = int(os.environ.get("TENANTSEAL_MIGRATION_KILL_RUNS", "40"))
RUNS_OF_A_LIFE = 10
LIVES_AT_ONCE = 5
FIRST_SEED = int(time.time())
DATA_KEYS = 1200
RATE = 4000                 # Data keys a second that a migration moves, 1,000 at a time: it takes a second or two.
TAKEOVER = 25               # Seconds after which another process has taken up and done what a killed one has left.
STEPS = ("has wrapped every version", "data keys were rewrapped", "a migration is completed")   # As logged.


class Life:
    """One tenant on one data directory, killed again and again."""

    def __init__(self, case, seed, runs):
        self.case, self.seed, self.runs = case, seed, runs
        self.rng = random.Random(seed)
        self.data = case.directory / f"life-{seed}"
        self.scratch = case.directory / f"scratch-{seed}"
        self.kept_heads = case.directory / f"heads-{seed}.jsonl"
        self.answered = {"triggered": 0, "paused": 0, "cancelled": 0}
        self.unanswered = {"triggered": 0, "paused": 0, "cancelled": 0}
        self.killed_in, self.finished = [], 0   # Before each kill: the migration's state, and whether it was paused.

    # --- One life ---
    def play(self):
        self.server = self.start()
        self.tenant = migrations.Tenant(self.case, self.server, f"Life {self.seed}")
        for name in ("First", "Second"):
            self.tenant.add_key(self.server, name)
        for managed in (True, False):
            self.tenant.make_keys(self.server, DATA_KEYS // 2 if managed else 50, managed)
        self.tenant.make_keys(self.server, DATA_KEYS // 2, True)
        for _ in range(self.runs):
            self.run()
        self.end()

    def start(self):
        flags = ["--migration-rate", str(RATE), "--write-rate", "1000000", "--read-rate", "1000000", "--revocation-bound", "5s"]
        return self.case.start(self.data, arguments=flags, environment=self.case.environment,
                               log=self.case.directory / f"{self.seed}.log")

    def run(self):
        """Until one kill: at any moment; or when what an earlier one has left may have been taken up, which takes
        a while; or about when a step of a migration is done."""
        kind = self.rng.choices(["soon", "late", "aimed"], [5, 2, 4])[0]
        traffic = [migrations.Traffic(self.tenant, self.server, self.rng.random()) for _ in range(2)]
        for thread in traffic:
            thread.start()
        if kind != "late" and self.rng.random() < 0.6:
            self.begin_anew()
        killer = threading.Thread(target=self.kill, args=(kind, self.server, self.rng.random()))
        killer.start()
        try:
            while self.server.process.poll() is None:
                self.act(kind != "soon")
        except migrations.GONE:
            self.case.assertTrue(migrations.is_gone(self.server), "only the kill may break a connection")
        killer.join()
        for thread in traffic:
            thread.finish()
        self.killed_in.append(self.check_what_lies_there())
        self.server = self.start()
        self.check_what_opens()

    @staticmethod
    def kill(kind, server, seed):
        rng = random.Random(seed)
        if kind == "aimed":
            seen, step = len(server.log), rng.choice(STEPS)
            with contextlib.suppress(AssertionError):
                harness.wait_until(lambda: step in server.log[seen:], 8, step)
            time.sleep(rng.uniform(0, 0.05))
        else:
            time.sleep(rng.uniform(0, TAKEOVER if kind == "late" else 4))
        server.kill()

    def begin_anew(self):
        details = self.tenant.details(self.server)
        if details and details["state"] in ("New", "InProgress"):
            self.told("cancelled", lambda: self.tenant.change(self.server, "cancel"))

    def act(self, patient):
        """One thing that an administrator does, or a moment in which nobody does anything."""
        details = self.tenant.details(self.server)
        choice = self.rng.random()
        if details is None or details["state"] not in ("New", "InProgress"):
            targets = sorted(set(self.tenant.arns) - {self.tenant.current(self.server)})
            self.told("triggered", lambda: self.tenant.migrate(self.server, self.rng.choice(targets)))
        elif details.get("substate") == "Paused":
            self.tenant.change(self.server, "resume")
        elif patient or choice < 0.6:
            time.sleep(self.rng.uniform(0.01, 0.5))
        elif choice < 0.8:
            self.told("paused", lambda: self.tenant.change(self.server, "pause"))
            time.sleep(self.rng.uniform(0, 0.3))
        elif choice < 0.9:
            self.rename()
        else:
            self.told("cancelled", lambda: self.tenant.change(self.server, "cancel"))

    def told(self, kind, change):
        """A change of which there is an event exactly if it was made, and surely if it was answered."""
        self.unanswered[kind] += 1
        try:
            change()
        except AssertionError:
            # Another step of the migration may have been faster than this one.
            details = self.tenant.details(self.server)
            if kind == "triggered" or details["state"] in ("New", "InProgress"):
                raise
            self.unanswered[kind] -= 1
            return
        self.unanswered[kind] -= 1
        self.answered[kind] += 1

    def rename(self):
        fingerprint = self.rng.choice([own for own, arn in self.tenant.arns.items() if arn])
        patch = [{"op": "replace", "path": "/name", "value": f"Key {self.rng.randrange(10**6)}"}]
        answer = self.server.call("PATCH", f"{PROVIDERS}/{fingerprint}", patch, token=self.tenant.admin)
        self.case.assertEqual(answer.status, 204, answer)

    # --- What must hold after each kill ---
    def check_what_lies_there(self):
        snapshot = migrations.Snapshot(self.data, self.scratch, self.tenant.id)
        snapshot.assert_sound(self.case)
        for kind, answered in self.answered.items():
            told = len([event for event in snapshot.events_of("keyprovider-migration." + kind)
                        if event["actor"].endswith(self.tenant.admin_key)])
            self.case.assertLessEqual(answered, told, f"{kind}: what was answered was told of")
            self.case.assertLessEqual(told, answered + self.unanswered[kind], f"{kind}: nothing else was told of")
        self.check_heads()
        return snapshot.migration and (snapshot.migration["state"], snapshot.migration["pause"] != 0)

    def check_heads(self):
        """The signed heads are what they were, and more; a line that the kill has cut off is no head."""
        heads = self.data / "event-heads.jsonl"
        lines = heads.read_text().splitlines(keepends=True) if heads.exists() else []
        whole = [line for line in lines if line.endswith("\n")]
        for line in whole:
            json.loads(line)
        kept = self.kept_heads.read_text().splitlines(keepends=True) if self.kept_heads.exists() else []
        self.case.assertEqual(whole[:len(kept)], kept, "signed heads are only added")
        self.kept_heads.write_text("".join(whole))

    def check_what_opens(self):
        self.tenant.assert_everything_opens(self.server)
        snapshot = migrations.Snapshot(self.data, self.scratch, self.tenant.id)
        self.case.assertEqual(self.tenant.current(self.server), snapshot.current)
        self.verify_events()

    def verify_events(self):
        heads = ["--checkpoint", self.kept_heads] if self.kept_heads.read_text() else []
        done = self.case.cli("events", "verify", "--json", "--data-dir", self.data, *heads)
        self.case.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        report = json.loads(done.stdout)
        self.case.assertEqual(report["findings"], [])
        return report

    # --- The end: by one provider alone ---
    def end(self):
        def over():
            details = self.tenant.details(self.server)
            if details and details.get("substate") == "Paused":
                self.tenant.change(self.server, "resume")
            return details is None or details["state"] not in ("New", "InProgress")
        harness.wait_until(over, 60, "the end of the last migration")
        targets = sorted(own for own in self.tenant.arns if own != self.tenant.current(self.server))
        last = self.rng.choice(targets)
        self.told("triggered", lambda: self.tenant.migrate(self.server, last))
        harness.wait_until(over, 60, "the end of another migration")
        self.case.assertEqual(self.tenant.current(self.server), last)
        self.case.assertEqual(self.server.terminate(), 0)   # Signs what has grown.
        for fingerprint, arn in self.tenant.arns.items():
            if arn and fingerprint != last:
                self.case.emulator.kms("DisableKey", KeyId=arn)
        self.check_what_lies_there()
        self.server = self.start()
        self.tenant.assert_everything_opens(self.server)
        self.case.assertGreater(self.verify_events()["signedHeads"], 0)
        snapshot = migrations.Snapshot(self.data, self.scratch, self.tenant.id)
        self.case.assertEqual(set(snapshot.data_keys), {snapshot.tenant["active_version"]}, "every data key has moved")
        self.finished = len(snapshot.events_of("keyprovider-migration.finished"))
        self.server.kill()


class MigrationKill(aws.Case):
    def play(self, seed, runs):
        life = Life(self, seed, runs)
        started = time.monotonic()
        try:
            life.play()
        except BaseException:
            said = [line for line in life.server.log.splitlines() if "AWS KMS call" not in line]
            print(f"The life of seed {seed} has failed; play it again with: {sys.argv[0]} --seed {seed}\n"
                  f"{traceback.format_exc()}\nIts log ends:\n" + "\n".join(said[-30:]), flush=True)
            raise
        print(f"seed {seed}: {runs} kills in {time.monotonic() - started:.0f} s, {life.finished} migrations, "
              f"{len(life.tenant.ledger)} sealed, killed in {life.killed_in}", flush=True)
        return life

    def test_whatever_it_is_killed_in_nothing_is_lost(self):
        # Calls take about as long as AWS's do, so that kills fall between those of one step, too.
        self.emulator.fault(kind="slow", service="kms", delay="20ms")
        lives = [(FIRST_SEED + i, min(RUNS_OF_A_LIFE, RUNS - done))
                 for i, done in enumerate(range(0, RUNS, RUNS_OF_A_LIFE))]
        print(f"{RUNS} kills in lives of the seeds {[seed for seed, _ in lives]}", flush=True)
        with concurrent.futures.ThreadPoolExecutor(LIVES_AT_ONCE) as pool:
            played = [pool.submit(self.play, *life) for life in lives]
            ended = [life.result() for life in played]
        if RUNS < 40:
            return
        killed_in = [state for life in ended for state in life.killed_in if state]
        for state in (migrations.NEW, migrations.IN_PROGRESS):
            self.assertIn((state, False), killed_in, "the kills must fall into migrations")
        self.assertGreater(sum(life.answered["triggered"] for life in ended), len(ended))
        self.assertGreater(sum(life.finished for life in ended), len(ended), "some migrations end in spite of the kills")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--runs", type=int)
    known, sys.argv[1:] = parser.parse_known_args()
    if known.seed is not None:
        FIRST_SEED, RUNS = known.seed, RUNS_OF_A_LIFE
    RUNS = known.runs or RUNS
    harness.main()
