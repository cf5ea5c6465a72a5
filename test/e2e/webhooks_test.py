"""Webhooks as a receiver sees them: a real HTTPS server that checks signatures, fails, comes back, redirects and
answers too much; the service killed in the middle; two processes on one database; what may not be reached."""
import hashlib
import hmac
import http.server
import json
import ssl
import subprocess
import threading

import harness

WEBHOOKS = harness.API + "/webhooks"
SECRET = "secret-of-the-receiver-0123456789"
HIDDEN = "hidden-header-value-0123456789"
ALLOW = ("--webhook-allow-network", "127.0.0.0/8")


class Receiver:
    """An HTTP or HTTPS server that keeps what it gets. `answer(path, body)` gives status, headers and body."""

    def __init__(self, certificate=None):
        self.got, self.lock = [], threading.Lock()
        self.answer = lambda path, body: (200, {}, b"thanks")
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver.lock:
                    receiver.got.append((self.path, dict(self.headers), body))
                status, headers, answer = receiver.answer(self.path, body)
                try:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                except OSError:
                    pass   # The service has read as much as it keeps.

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.scheme = "https" if certificate else "http"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def url(self, path="/in", host="localhost"):
        return f"{self.scheme}://{host}:{self.server.server_port}{path}"

    def events(self):
        with self.lock:
            return [json.loads(body) for _, _, body in self.got]

    def ids(self):
        return [event["id"] for event in self.events()]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Webhooks(harness.Case):
    def setUp(self):
        super().setUp()
        self.certificate, self.roots = self.make_certificate("receiver")

    def make_certificate(self, name):
        """A file with key and certificate of localhost, and one with the certificate alone."""
        both, alone = self.directory / f"{name}.pem", self.directory / f"{name}-ca.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", str(both), "-out", str(alone), "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                       check=True, stderr=subprocess.DEVNULL)
        with open(both, "ab") as file:
            file.write(alone.read_bytes())
        return both, alone

    def begin(self, *arguments):
        self.arguments = (*ALLOW, "--webhook-ca-file", str(self.roots), *arguments)
        self.server = self.start(arguments=self.arguments)
        self.id = self.tenant(self.server)
        self.admin = self.api_key(self.server, "TenantAdmin", self.id)[1]

    def receiver(self, tls=True, certificate=None):
        receiver = Receiver((certificate or self.certificate) if tls else None)
        self.addCleanup(receiver.stop)
        return receiver

    def call(self, method, path, body=None, status=200):
        return self.expect(self.server.call(method, WEBHOOKS + path, body, token=self.admin), status)

    def webhook(self, receiver, **more):
        body = {"name": "ours", "url": receiver.url(), "enabled": True, "secret": SECRET,
                "headers": {"X-Plain": "shown"}, "encryptedHeaders": {"X-Token": HIDDEN}, **more}
        return self.call("POST", "", body, 201)

    def happen(self):
        """Something that the tenant's webhooks are told of; returns the key's id."""
        return self.api_key(self.server, "Auditor", self.id)[0]

    def await_keys(self, receiver, keys, timeout=20):
        """Until the receiver has got the event of every key's making."""
        def told():
            return {event["data"]["id"] for event in receiver.events() if event["type"].endswith("api-key.created")}
        harness.wait_until(lambda: set(keys) <= told(), timeout, "the delivery")

    def test_delivers_signed_cloud_events_over_https(self):
        self.begin()
        receiver = self.receiver()
        webhook = self.webhook(receiver, eventTypes=["com.tenantseal.v1.api-key.created"])
        self.assertEqual(webhook["encryptedHeaders"], ["X-Token"])
        keys = [self.happen() for _ in range(3)]
        self.await_keys(receiver, keys)
        self.assertEqual([event["data"]["id"] for event in receiver.events()], keys, "in order, and nothing else")
        for path, headers, body in receiver.got:
            self.assertEqual(path, "/in")
            self.assertEqual(headers["Content-Type"], "application/json")
            self.assertEqual(headers["User-Agent"], "Tenantseal Webhook")
            self.assertEqual((headers["X-Plain"], headers["X-Token"]), ("shown", HIDDEN))
            self.assertEqual(headers["Qlik-Signature"],
                             hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest())
            event = json.loads(body)
            self.assertEqual((event["specversion"], event["tenantid"]), ("1.0", self.id))
        log = lambda: self.call("GET", f"/{webhook['id']}/deliveries?sort=%2BtriggeredAt")["data"]
        # What was sent is recorded a moment later.
        harness.wait_until(lambda: [one["status"] for one in log()] == ["success"] * 3, 10, "the log")
        listed = log()
        one = self.call("GET", f"/{webhook['id']}/deliveries/{listed[0]['id']}")
        self.assertEqual(one["request"]["body"], receiver.events()[0])
        self.assertEqual(one["request"]["headers"]["X-Token"], "**OMITTED**")
        self.assertEqual((one["response"]["statusCode"], one["response"]["body"]), (200, "thanks"))
        self.assert_nothing_leaked()

    def assert_nothing_leaked(self):
        shown = json.dumps([self.call("GET", ""), self.server.call("GET", harness.API + "/audits?limit=100",
                                                                    token=self.admin).json])
        files = [path.read_bytes() for path in self.data.rglob("*") if path.is_file()]
        for marked in (SECRET, HIDDEN):
            self.assertNotIn(marked, shown)
            self.assertNotIn(marked, self.server.log)
            for content in files:
                self.assertNotIn(marked.encode(), content)

    def test_repeats_what_failed_and_disables_nothing_at_once(self):
        self.begin()
        receiver = self.receiver()
        failures = iter([500, 302, 404])
        receiver.answer = lambda path, body: (next(failures, 200), {"Location": receiver.url("/elsewhere")}, b"x")
        webhook = self.webhook(receiver)
        key = self.happen()
        self.await_keys(receiver, [key])
        self.assertEqual(receiver.got[0][0], "/in")
        deliveries = f"/{webhook['id']}/deliveries"
        harness.wait_until(lambda: self.call("GET", deliveries)["data"], 10, "the log")
        first = self.call("GET", deliveries)["data"][0]
        self.assertEqual((first["status"], first["statusMessage"], first["attempts"]), ("fail", "HTTP 500", 1))
        self.assertIn("nextAttemptAt", first)
        # Asking again does not wait for the next attempt.
        again = self.call("POST", f"{deliveries}/{first['id']}/actions/resend", None, 201)
        self.assertEqual(again["status"], "pending")
        harness.wait_until(lambda: len(receiver.got) >= 2, 10, "the resend")
        harness.wait_until(lambda: self.call("GET", f"{deliveries}/{again['id']}")["status"] == "fail", 10, "its record")
        self.assertEqual(self.call("GET", f"{deliveries}/{again['id']}")["statusMessage"], "HTTP 302")
        # By itself, after 15 to 18 s; by then one of the two has succeeded, and then the other does.
        harness.wait_until(lambda: all(one["status"] == "success" for one in self.call("GET", deliveries)["data"]),
                           120, "the recovery")
        self.assertEqual({path for path, _, _ in receiver.got}, {"/in"}, "no redirect is followed")
        self.assertEqual(len(set(receiver.ids())), 1, "repeats have the event's id")
        self.assertTrue(self.call("GET", f"/{webhook['id']}")["enabled"])

    def test_a_killed_service_goes_on(self):
        self.begin()
        receiver = self.receiver()
        self.webhook(receiver)
        entered, release = threading.Event(), threading.Event()

        def hang(path, body):
            entered.set()
            release.wait(30)
            return 200, {}, b""
        receiver.answer = hang
        keys = [self.happen()]
        self.assertTrue(entered.wait(20))
        keys += [self.happen() for _ in range(5)]   # Committed, not sent.
        self.server.kill()
        receiver.answer = lambda path, body: (200, {}, b"")
        release.set()
        self.server = self.start(arguments=self.arguments)
        self.await_keys(receiver, keys, 60)
        told = [event["data"]["id"] for event in receiver.events()]
        self.assertEqual(told.count(keys[0]), 2, "what was under way is sent again")
        for key in keys[1:]:
            self.assertEqual(told.count(key), 1)

    def test_two_processes_deliver_each_event_once(self):
        self.begin()
        other = self.start(arguments=self.arguments)
        receiver = self.receiver()
        webhooks = [self.webhook(receiver, name=f"w{n}", url=receiver.url(f"/{n}"),
                                 eventTypes=["com.tenantseal.v1.api-key.created"]) for n in range(3)]
        keys = [self.api_key(server, "Auditor", self.id)[0] for _ in range(10) for server in (self.server, other)]
        harness.wait_until(lambda: len(receiver.got) >= len(keys) * len(webhooks), 60, "every delivery")
        harness.wait_until(lambda: sum(len(self.call("GET", f"/{one['id']}/deliveries?limit=100&status=success")["data"])
                                       for one in webhooks) >= len(keys) * len(webhooks), 20, "the log")
        for n in range(3):
            told = [json.loads(body)["data"]["id"] for path, _, body in receiver.got
                    if path == f"/{n}" and b"api-key.created" in body]
            self.assertEqual(sorted(told), sorted(keys))

    def test_reaches_nothing_inside(self):
        self.begin()
        self.assertEqual(self.server.terminate(), 0)
        self.server = self.start(arguments=self.arguments[2:])   # Without the allowed network.
        receiver = self.receiver()
        for url in (receiver.url(), receiver.url(host="127.0.0.1"), "https://169.254.169.254/", "https://10.0.0.1/",
                    "https://[::1]/", "https://0x7f000001/", "http://example.com/", "https://[::ffff:127.0.0.1]/"):
            body = {"name": "inside", "url": url, "enabled": True}
            refused = self.server.call("POST", WEBHOOKS, body, token=self.admin)
            self.assertEqual((refused.status, refused.field), (400, "url"), url)
        # Made while it was allowed, and what names resolve to: judged by the address that is connected to.
        self.server.terminate()
        self.server = self.start(arguments=self.arguments)
        webhook = self.webhook(receiver)
        self.server.terminate()
        self.server = self.start(arguments=self.arguments[2:],
                                 environment={"https_proxy": receiver.url(host="127.0.0.1"), "ALL_PROXY": receiver.url()})
        self.happen()
        deliveries = f"/{webhook['id']}/deliveries"
        harness.wait_until(lambda: self.call("GET", deliveries)["data"], 20, "the attempt")
        one = self.call("GET", deliveries)["data"][0]
        self.assertEqual(one["status"], "fail")
        self.assertIn("not one that may be connected to", one["statusMessage"])
        self.assertEqual(receiver.got, [])

    def test_bounds_what_a_receiver_may_do(self):
        self.begin()
        huge, unstapled, plain = self.receiver(), self.receiver(), self.receiver(tls=False)
        stranger = self.receiver(certificate=self.make_certificate("stranger")[0])
        huge.answer = lambda path, body: (200, {"X-Many": "h" * 3000}, b"z" * 2_000_000)
        made = [self.webhook(one, name=name, **more) for one, name, more in
                ((huge, "huge", {}), (plain, "plain", {}), (stranger, "stranger", {}),
                 (unstapled, "unstapled", {"checkCertificateRevocation": True}))]
        key = self.happen()
        self.await_keys(huge, [key])
        self.await_keys(plain, [key])

        def last(webhook):
            listed = self.call("GET", f"/{webhook['id']}/deliveries?eventType=com.tenantseal.v1.api-key.created")["data"]
            return listed[0] if listed else None
        harness.wait_until(lambda: all(last(one) for one in made), 20, "the log")
        self.assertEqual(last(made[0])["status"], "success")
        self.assertEqual(last(made[0])["response"]["body"], "z" * 4096)
        self.assertEqual(last(made[1])["status"], "success")
        for refused, receiver in ((made[2], stranger), (made[3], unstapled)):
            self.assertEqual(last(refused)["status"], "fail")
            self.assertNotIn("response", last(refused))
            self.assertEqual(receiver.got, [])

    def test_the_operators_own_events_and_the_command_line(self):
        self.begin()
        receiver = self.receiver()
        secret = self.directory / "secret"
        secret.write_text(SECRET + "\n")
        cli = lambda *arguments: self.cli_ok("webhook", *arguments, server=self.server,
                                             token=harness.OPERATOR).stdout.decode()
        webhook = cli("create", "--name", "operators", "--url", receiver.url(), "--secret-file", secret, "--enable",
                      "--event-type", "com.tenantseal.v1.api-key.created", "-q").strip()
        self.happen()   # A tenant's: not of this chain.
        key = self.api_key(self.server, "Auditor")[0]
        self.await_keys(receiver, [key])
        self.assertEqual([event["data"]["id"] for event in receiver.events()], [key])
        self.assertEqual(receiver.events()[0]["tenantid"], "-")
        self.assertIn("operators", cli("ls"))
        harness.wait_until(lambda: "success" in cli("deliveries", webhook), 10, "the log")
        delivery = cli("deliveries", webhook, "-q").strip()
        self.assertIn("thanks", cli("deliveries", webhook, delivery))
        cli("resend", webhook, delivery)
        harness.wait_until(lambda: len(receiver.got) == 2, 20, "the resend")
        self.assertEqual(receiver.got[0][2], receiver.got[1][2], "the same payload")
        cli("patch", webhook, "--op", "replace", "--path", "/enabled", "--value", "false")
        self.assertIn("false", cli("get", webhook))
        refused = self.cli("webhook", "resend", webhook, delivery, server=self.server, token=harness.OPERATOR)
        self.assertEqual(refused.returncode, 8, refused.stderr)
        self.assertIn("com.tenantseal.v1.webhook.disabled", cli("event-types"))
        cli("rm", webhook)
        self.assertNotIn("operators", cli("ls"))


if __name__ == "__main__":
    harness.main()
