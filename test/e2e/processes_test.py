"""Two servers on one data directory: what one changes, the other obeys within the store lease."""
import time

import harness
from harness import API, ENCRYPTION

LEASE = 2.0
SLACK = 1.0   # Of a busy machine; the lease itself is measured on a fake clock in the unit tests.


class TwoProcesses(harness.Case):
    def setUp(self):
        super().setUp()
        self.a = self.start()
        self.b = self.start()
        self.id = self.tenant(self.a)
        self.key, self.token = self.api_key(self.a, "ContentService", self.id)
        self.sealed = self.seal(self.a, self.token, b"shared")

    def assert_within_lease(self, since, condition, what):
        harness.wait_until(condition, LEASE + SLACK - (time.monotonic() - since), what)

    def test_both_serve_the_same_tenant(self):
        self.assert_opens(self.b, self.token, self.sealed, b"shared")
        self.assert_opens(self.a, self.token, self.seal(self.b, self.token, b"from b"), b"from b")
        key = self.data_keys(self.a, self.token)[0]
        self.assertEqual(self.unwrap(self.b, self.token, id=key["id"]).json["plaintext"], key["plaintext"])

    def test_a_deactivation_is_obeyed_when_it_has_been_answered(self):
        self.assert_opens(self.b, self.token, self.sealed, b"shared")
        started = time.monotonic()
        self.tenant_action(self.a, self.id, "deactivate")
        self.assertLess(time.monotonic() - started, LEASE + SLACK)
        self.assertEqual(self.open_value(self.b, self.token, self.sealed).status, 409)
        self.tenant_action(self.b, self.id, "reactivate")
        self.assert_opens(self.a, self.token, self.sealed, b"shared")

    def test_a_revoked_api_key_stops_everywhere(self):
        self.assert_opens(self.b, self.token, self.sealed, b"shared")
        started = time.monotonic()
        self.assertIn(self.a.call("DELETE", f"{API}/api-keys/{self.key}").status, (200, 204))
        self.assert_within_lease(started, lambda: self.open_value(self.b, self.token, self.sealed).status == 401,
                                 "the revocation")

    def test_a_rotation_is_obeyed_and_nothing_is_lost_between(self):
        admin = self.api_key(self.a, "TenantAdmin", self.id)[1]
        managed = self.data_keys(self.b, self.token, count=20)
        self.rotate(self.a, self.id, admin)
        started = time.monotonic()
        def sealed_by_new():
            key = self.data_keys(self.b, self.token, managed=False)[0]
            return key["tenantKeyVersion"] == 2
        self.assert_within_lease(started, sealed_by_new, "the rotation")
        for server in (self.a, self.b):
            self.assert_opens(server, self.token, self.sealed, b"shared")
            for key in managed:
                self.assertEqual(self.unwrap(server, self.token, id=key["id"]).json["plaintext"], key["plaintext"])

    def test_a_dead_process_delays_no_one_longer_than_a_lease(self):
        self.b.kill()
        started = time.monotonic()
        self.tenant_action(self.a, self.id, "deactivate")
        self.assertLess(time.monotonic() - started, LEASE + SLACK)

    def test_many_changes_at_once_by_both(self):
        from concurrent.futures import ThreadPoolExecutor
        def make(i):
            server = (self.a, self.b)[i % 2]
            tenant = self.tenant(server, f"T{i}")
            token = self.service_token(server, tenant)
            return token, self.seal(server, token, str(i).encode())
        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(make, range(24)))
        for i, (token, sealed) in enumerate(made):
            self.assert_opens((self.b, self.a)[i % 2], token, sealed, str(i).encode())


if __name__ == "__main__":
    harness.main()
