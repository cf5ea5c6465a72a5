"""Tenants from creation to destruction, API keys, roles, and what a wrong caller is told."""
import time

import harness
from harness import API, ENCRYPTION, OPERATOR


class Tenants(harness.Case):
    def setUp(self):
        super().setUp()
        self.server = self.start()

    def test_create_list_get_me(self):
        created = self.expect(self.server.call("POST", API + "/tenants", {"name": "Bäckerei 🥐", "region": "eu-central-1"}), 201)
        self.assertRegex(created["id"], r"^[A-Za-z0-9_-]{32}$")
        self.assertEqual(created["name"], "Bäckerei 🥐")
        self.assertEqual(created["region"], "eu-central-1")
        self.assertEqual(created["status"], "active")
        self.assertRegex(created["createdAt"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
        got = self.expect(self.server.call("GET", f"{API}/tenants/{created['id']}"), 200)
        self.assertEqual(got["id"], created["id"])
        token = self.service_token(self.server, created["id"])
        me = self.expect(self.server.call("GET", API + "/tenants/me", token=token), 200)
        self.assertEqual(me["id"], created["id"])
        listed = self.expect(self.server.call("GET", API + "/tenants"), 200)
        items = listed if isinstance(listed, list) else listed["data"]
        self.assertIn(created["id"], [t["id"] for t in items])

    def test_list_pages_reach_every_tenant_once(self):
        made = {self.tenant(self.server, f"Tenant {i}") for i in range(23)}
        seen, path = [], API + "/tenants?limit=10"
        for _ in range(5):
            page = self.expect(self.server.call("GET", path), 200)
            seen += [t["id"] for t in page["data"]]
            href = (page.get("links", {}).get("next") or {}).get("href")
            if not href:
                break
            path = href[href.index("/api/"):]
        self.assertEqual(len(seen), len(set(seen)))
        self.assertEqual(set(seen), made)

    def test_deactivated_refuses_and_reactivated_serves(self):
        tenant = self.tenant(self.server)
        token = self.service_token(self.server, tenant)
        sealed = self.seal(self.server, token, b"kept")
        self.tenant_action(self.server, tenant, "deactivate")
        self.assertEqual(self.open_value(self.server, token, sealed).status, 409)
        self.seal(self.server, token, b"x", status=409)
        self.tenant_action(self.server, tenant, "deactivate", status=409)
        self.tenant_action(self.server, tenant, "reactivate")
        self.assert_opens(self.server, token, sealed, b"kept")

    def test_destruction_needs_deactivation_waits_and_can_be_cancelled(self):
        tenant = self.tenant(self.server)
        token = self.service_token(self.server, tenant)
        sealed = self.seal(self.server, token, b"kept")
        self.tenant_action(self.server, tenant, "destroy", status=409)
        self.tenant_action(self.server, tenant, "deactivate")
        self.tenant_action(self.server, tenant, "destroy")
        shown = self.expect(self.server.call("GET", f"{API}/tenants/{tenant}"), 200)
        self.assertIn("destroyAt", shown)
        self.assertGreater(shown["destroyAt"], time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 6 * 86400)))
        self.tenant_action(self.server, tenant, "cancel-destruction")
        self.assertNotIn("destroyAt", self.expect(self.server.call("GET", f"{API}/tenants/{tenant}"), 200))
        self.tenant_action(self.server, tenant, "reactivate")
        self.assert_opens(self.server, token, sealed, b"kept")

    def test_the_service_destroys_when_the_time_has_come(self):
        server = self.start(self.directory / "destroys", arguments=["--destroy-after", "2s"])
        tenant, other = self.tenant(server), self.tenant(server, "Other")
        token, kept = self.service_token(server, tenant), self.service_token(server, other)
        sealed, others = self.seal(server, token, b"gone"), self.seal(server, kept, b"kept")
        _, anybody = self.api_key(server, "ContentService")
        self.tenant_action(server, tenant, "deactivate")
        self.tenant_action(server, tenant, "destroy")
        def status():
            return self.expect(server.call("GET", f"{API}/tenants/{tenant}"), 200)["status"]
        harness.wait_until(lambda: status() == "destroyed", 15, "the destruction")
        self.assertEqual(self.open_value(server, token, sealed).status, 401)
        body = {"ciphertext": sealed, "encryptionContext": {}}
        opened = server.call("POST", ENCRYPTION + "/values/actions/open", body, token=anybody,
                             headers={"Tenantseal-Tenant": tenant})
        self.assertEqual((opened.status, "plaintext" in opened.json), (404, False), opened)
        for action in ("cancel-destruction", "reactivate", "destroy"):
            self.tenant_action(server, tenant, action, status=409)
        self.assert_opens(server, kept, others, b"kept")

    def test_nothing_of_one_tenant_opens_for_another(self):
        a, b = self.tenant(self.server, "A"), self.tenant(self.server, "B")
        token_a, token_b = self.service_token(self.server, a), self.service_token(self.server, b)
        sealed = self.seal(self.server, token_a, b"of A")
        refused = self.open_value(self.server, token_b, sealed)
        self.assertEqual(refused.status, 422)
        self.assertEqual(self.open_value(self.server, token_b, sealed, {"TenantId": a}).status, 400)
        # The fingerprint of the internal provider is the tenant id: re-labelling does not help.
        self.assertEqual(self.open_value(self.server, token_b, sealed.replace(a, b)).status, 422)
        key = self.data_keys(self.server, token_a)[0]
        self.assertEqual(self.unwrap(self.server, token_b, id=key["id"]).status, 404)
        self.assertEqual(self.unwrap(self.server, token_b, wrappedKey=key["wrappedKey"]).status, 422)

    def test_a_deployment_wide_service_names_the_tenant_in_a_header(self):
        tenant = self.tenant(self.server)
        _, token = self.api_key(self.server, "ContentService")
        path, body = ENCRYPTION + "/values/actions/seal", {"plaintext": "eA==", "encryptionContext": {}}
        named = self.server.call("POST", path, body, token=token, headers={"Tenantseal-Tenant": tenant})
        self.expect(named, 200)
        self.assertEqual(self.server.call("POST", path, body, token=token).status, 400)
        unknown = self.server.call("POST", path, body, token=token, headers={"Tenantseal-Tenant": "A" * 32})
        self.assertEqual(unknown.status, 404)
        # A key of one tenant does not become another's by a header.
        own = self.service_token(self.server, tenant)
        other = self.tenant(self.server, "Other")
        crossed = self.server.call("POST", path, body, token=own, headers={"Tenantseal-Tenant": other})
        self.assertIn(crossed.status, (403, 404))


class ApiKeys(harness.Case):
    def setUp(self):
        super().setUp()
        self.server = self.start()
        self.id = self.tenant(self.server)

    def test_the_token_is_shown_once(self):
        key, token = self.api_key(self.server, "ContentService", self.id)
        listed = self.server.call("GET", f"{API}/api-keys?tenantId={self.id}")
        self.assertEqual(listed.status, 200, listed)
        self.assertIn(key, listed.raw.decode())
        self.assertNotIn(token, listed.raw.decode())
        one = self.server.call("GET", f"{API}/api-keys/{key}")
        if one.status == 200:
            self.assertNotIn(token, one.raw.decode())

    def test_a_revoked_key_stops(self):
        key, token = self.api_key(self.server, "ContentService", self.id)
        self.seal(self.server, token, b"x")
        self.assertIn(self.server.call("DELETE", f"{API}/api-keys/{key}").status, (200, 204))
        self.seal(self.server, token, b"x", status=401)
        self.assertEqual(self.server.call("DELETE", f"{API}/api-keys/{key}").status, 404)

    def test_an_expired_key_stops(self):
        _, token = self.api_key(self.server, "ContentService", self.id, expiry="PT1S")
        self.seal(self.server, token, b"x")
        def stopped():
            return self.server.call("GET", API + "/tenants/me", token=token).status == 401
        harness.wait_until(stopped, 5, "the expiry")

    def test_no_or_a_wrong_token_is_401(self):
        path = ENCRYPTION + "/values/actions/seal"
        body = {"plaintext": "eA==", "encryptionContext": {}}
        for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer wrong"},
                        {"Authorization": f"Basic {OPERATOR}"}, {"Authorization": OPERATOR}):
            answer = self.server.call("POST", path, body, token=None, headers=headers)
            self.assertEqual(answer.status, 401, headers)
            self.assertEqual(answer.code, "unauthenticated")
        # Whether a tenant or a route exists is nobody's business without a token.
        self.assertEqual(self.server.call("GET", f"{API}/tenants/{self.id}", token=None).status, 401)

    def test_roles(self):
        tokens = {role: self.api_key(self.server, role, self.id)[1]
                  for role in ("TenantAdmin", "ContentService", "Auditor")}
        tokens["PlatformOperator"] = OPERATOR
        seal = ("POST", ENCRYPTION + "/values/actions/seal", {"plaintext": "eA==", "encryptionContext": {}})
        keys = ("POST", ENCRYPTION + "/data-keys", {"managed": False, "encryptionContext": {}})
        make = ("POST", API + "/tenants", {"name": "x", "region": "us-east-1"})
        rotate = ("POST", ENCRYPTION + "/tenant-keys/actions/rotate", {})
        mint = ("POST", API + "/api-keys", {"description": "x", "role": "PlatformOperator"})
        allowed = {"seal": {"ContentService"}, "keys": {"ContentService"}, "make": {"PlatformOperator"},
                   "rotate": {"TenantAdmin"}, "mint": {"PlatformOperator"}}
        for name, request in (("seal", seal), ("keys", keys), ("make", make), ("rotate", rotate), ("mint", mint)):
            for role, token in tokens.items():
                headers = {"Tenantseal-Tenant": self.id} if role == "PlatformOperator" else {}
                answer = self.server.call(*request, token=token, headers=headers)
                with self.subTest(request=name, role=role):
                    if role in allowed[name]:
                        self.assertLess(answer.status, 300, answer)
                    else:
                        self.assertEqual(answer.status, 403, answer)
                        self.assertEqual(answer.code, "permission-denied")

    def test_unknown_things_are_404(self):
        _, token = self.api_key(self.server, "ContentService", self.id)
        self.assertEqual(self.server.call("GET", f"{API}/tenants/{'A' * 32}").status, 404)
        self.assertEqual(self.server.call("GET", f"{ENCRYPTION}/data-keys/{'A' * 22}", token=token).status, 404)
        self.assertEqual(self.unwrap(self.server, token, id="A" * 22).status, 404)
        self.assertEqual(self.server.call("GET", "/api/v1/nothing", token=token).status, 404)


class Rotation(harness.Case):
    def test_old_and_new_open_and_a_needed_version_cannot_be_retired(self):
        server = self.start()
        tenant = self.tenant(server)
        token, admin = self.service_token(server, tenant), self.api_key(server, "TenantAdmin", tenant)[1]
        sealed = self.seal(server, token, b"old")
        managed = self.data_keys(server, token, count=50)
        detached = self.data_keys(server, token, managed=False)[0]
        self.rotate(server, tenant, admin)
        newer = self.seal(server, token, b"new")
        self.assertNotEqual(sealed, newer)
        self.assert_opens(server, token, sealed, b"old")
        self.assert_opens(server, token, newer, b"new")
        for key in managed:
            opened = self.expect(self.unwrap(server, token, id=key["id"]), 200)
            self.assertEqual(opened["plaintext"], key["plaintext"])
        resealed = self.expect(server.call("POST", ENCRYPTION + "/values/actions/reseal",
                                           {"ciphertext": sealed, "encryptionContext": {}}, token=token), 200)
        self.assertTrue(resealed["changed"])
        rewrapped = self.expect(server.call("POST", ENCRYPTION + "/data-keys/actions/rewrap",
                                            {"wrappedKey": detached["wrappedKey"], "encryptionContext": {}},
                                            token=token), 200)
        self.assertTrue(rewrapped["changed"])
        retire = ENCRYPTION + "/tenant-keys/actions/retire"
        self.assertEqual(server.call("POST", retire, {"version": 2}, token=admin).status, 409)
        def retired():
            return server.call("POST", retire, {"version": 1}, token=admin).status in (200, 204)
        harness.wait_until(retired, 20, "the rewrap of every data key")
        self.assertEqual(self.open_value(server, token, sealed).status, 422)
        self.assert_opens(server, token, resealed["ciphertext"], b"old")
        self.assertEqual(self.unwrap(server, token, wrappedKey=rewrapped["wrappedKey"]).json["plaintext"],
                         detached["plaintext"])


if __name__ == "__main__":
    harness.main()
