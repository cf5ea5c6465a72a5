"""Server-sent events as browsers take them: a migration that is followed on two processes, events that go on after
a lost connection, and the ends of streams: of the caller's key, of the client, of the server."""
import contextlib
import http.client
import json
import socket
import threading

import aws
import harness

MIGRATION = harness.ENCRYPTION + "/keyproviders/migration"
AUDITS = harness.API + "/audits"


class Stream:
    """One stream: its events gather in `events` as (name, id, data)."""

    def __init__(self, server, path, token, headers=None):
        self.connection = server.connect(timeout=60)
        self.connection.request("GET", path, headers={"Authorization": f"Bearer {token}",
                                                      "Accept": "text/event-stream", **(headers or {})})
        self.socket = self.connection.sock   # The response takes it over.
        self.response = self.connection.getresponse()
        self.events, self.comments, self.ended = [], 0, False
        self.thread = threading.Thread(target=self.read, daemon=True)
        if self.response.status == 200:
            self.thread.start()

    def read(self):
        fields = {}
        try:
            for raw in self.response:
                line = raw.decode().rstrip("\n")
                if line.startswith(":"):
                    self.comments += 1
                elif line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                else:
                    if "data" in fields:
                        self.events.append((fields.get("event"), fields.get("id"), json.loads(fields["data"])))
                    fields = {}
            self.ended = True   # With its last chunk: a broken one raises.
        except (OSError, http.client.HTTPException, ValueError):
            pass

    def named(self, name):
        return [data for event, _, data in self.events if event == name]

    def close(self):
        """As when the network goes: nothing more is said."""
        with contextlib.suppress(OSError):   # It may have ended before.
            self.socket.shutdown(socket.SHUT_RDWR)
        if self.thread.ident is not None:
            self.thread.join(10)
        self.response.close()
        self.connection.close()


class Streams(aws.Case):
    def stream(self, server, path, token, headers=None):
        stream = Stream(server, path, token, headers)
        self.addCleanup(stream.close)
        self.assertEqual(stream.response.status, 200)
        self.assertTrue(stream.response.headers["Content-Type"].startswith("text/event-stream"))
        self.assertEqual(stream.response.headers["Cache-Control"], "no-store")
        return stream

    def tenant_and_admin(self, server):
        tenant = self.tenant(server)
        return tenant, self.api_key(server, "TenantAdmin", tenant)[1]

    def test_migration_is_the_same_on_two_processes(self):
        one, two = self.start_aws(), self.start_aws()
        tenant, admin = self.tenant_and_admin(one)
        streams = [self.stream(server, MIGRATION + "/stream", admin) for server in (one, two)]
        for stream in streams:
            harness.wait_until(lambda s=stream: s.named("none"), 5, "an event that there is no migration")
        arn, _ = self.emulator.create_key(aws.tenant_policy([tenant]), multi_region=True)
        body = {"name": "Own key", "arn": arn, "keyprovider": "AWS-KMS"}
        made = self.expect(one.call("POST", harness.ENCRYPTION + "/keyproviders", body, token=admin), 201)
        service = self.service_token(one, tenant)
        for _ in range(3):
            keys = {"managed": True, "encryptionContext": {}, "count": 500, "plaintext": False}
            self.expect(one.call("POST", harness.ENCRYPTION + "/data-keys", keys, token=service), 201)
        fingerprint = made["arnFingerPrint"]
        path = f"{harness.ENCRYPTION}/keyproviders/{fingerprint}/actions/migrate"
        self.expect(one.call("POST", path, {}, token=admin), 200)
        for stream in streams:
            harness.wait_until(lambda s=stream: s.named("migration") and
                               s.named("migration")[-1]["state"] == "Completed", 60, "the end of the migration")
        details = self.expect(two.call("GET", MIGRATION + "/actions/details", token=admin), 200)
        for stream in streams:
            last = stream.named("migration")[-1]
            self.assertEqual({name: last[name] for name in details}, details)
            self.assertEqual(last["done"], 1500)
            progress = [event["progress"] for event in stream.named("migration")]
            self.assertEqual(progress, sorted(progress), "it never goes back")
        # Who comes later sees the same at once.
        late = self.stream(two, MIGRATION + "/stream", admin)
        harness.wait_until(lambda: late.named("migration"), 5, "the migration for one who comes late")
        self.assertEqual(late.named("migration")[-1]["id"], details["id"])

    def test_events_go_on_after_a_lost_connection_on_another_process(self):
        one, two = self.start(), self.start()
        tenant, admin = self.tenant_and_admin(one)
        stream = self.stream(one, AUDITS + "/stream", admin)
        self.api_key(two, "Auditor", tenant)
        harness.wait_until(lambda: stream.named("audit"), 5, "the first event")
        name, last, item = stream.events[-1]
        listed = self.expect(one.call("GET", AUDITS + "/" + item["id"], token=admin), 200)
        self.assertEqual(listed["eventId"], item["eventId"])
        stream.close()
        missed = 5
        for _ in range(missed):
            self.api_key(one, "Auditor", tenant)
        again = self.stream(two, AUDITS + "/stream", admin, {"Last-Event-ID": last})
        harness.wait_until(lambda: len(again.events) >= missed, 5, "what was missed")
        self.api_key(one, "Auditor", tenant)
        harness.wait_until(lambda: len(again.events) > missed, 5, "what is new")
        ids = [int(number) for _, number, _ in again.events]
        self.assertEqual(ids, list(range(int(last) + 1, int(last) + 2 + missed)), "none twice, none left out")
        other = self.tenant(one, "Other")
        self.api_key(one, "Auditor", other)
        self.assertFalse([event for event in again.named("audit") if event.get("tenantId") != tenant])

    def test_a_deleted_key_ends_its_streams(self):
        one, two = self.start(), self.start()
        tenant = self.tenant(one)
        key, token = self.api_key(one, "TenantAdmin", tenant)
        stream = self.stream(two, AUDITS + "/stream", token)
        self.expect(one.call("DELETE", f"{harness.API}/api-keys/{key}"), 204)
        harness.wait_until(lambda: stream.ended, 15, "the end of the stream")
        self.assertEqual(stream.events[-1][0], "end")
        self.assertEqual(stream.events[-1][2], {"reason": "authorisation"})
        again = Stream(two, AUDITS + "/stream", token)
        self.addCleanup(again.close)
        self.assertEqual(again.response.status, 401)

    def test_bounds_and_clients_that_leave(self):
        server = self.start()
        _, admin = self.tenant_and_admin(server)
        with socket.create_connection(("127.0.0.1", server.port), 10) as old:
            old.sendall(f"GET {AUDITS}/stream HTTP/1.0\r\nAuthorization: Bearer {admin}\r\n\r\n".encode())
            self.assertIn(b" 505 ", old.recv(4096).split(b"\r\n")[0] + b" ")
        streams = [self.stream(server, AUDITS + "/stream", admin) for _ in range(8)]
        refused = Stream(server, AUDITS + "/stream", admin)
        self.addCleanup(refused.close)
        self.assertEqual(refused.response.status, 429)
        self.assertTrue(refused.response.headers["Retry-After"])
        self.assertEqual(self.metric(server, "tenantseal_streams_open"), 8)
        streams[0].close()
        harness.wait_until(lambda: self.metric(server, "tenantseal_streams_open") == 7, 5, "the end of one that left")
        self.stream(server, AUDITS + "/stream", admin)

    def test_stopping_the_server_ends_streams_properly_and_at_once(self):
        server = self.start()
        _, admin = self.tenant_and_admin(server)
        streams = [self.stream(server, AUDITS + "/stream", admin) for _ in range(3)]
        self.assertEqual(server.terminate(timeout=10), 0)
        for stream in streams:
            stream.thread.join(5)
            self.assertTrue(stream.ended, "the last chunk has come")


if __name__ == "__main__":
    harness.main()
