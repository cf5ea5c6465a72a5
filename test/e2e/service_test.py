"""The service as a whole: health, metrics, the API document, TLS, limits, overload, drain, counts."""
import collections
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import harness
from harness import API, ENCRYPTION

SEAL = ENCRYPTION + "/values/actions/seal"
BODY = {"plaintext": harness.b64(b"x" * 200), "encryptionContext": {}}


class Service(harness.Case):
    def test_health_metrics_and_the_document(self):
        server = self.start()
        for path in ("/healthz", "/readyz"):
            self.assertEqual(server.call("GET", path, token=None).status, 200)
        token = self.service_token(server, self.tenant(server))
        self.seal(server, token, b"x")
        metrics = server.call("GET", "/metrics", token=None)
        self.assertEqual(metrics.status, 200)
        self.assertIn("text/plain", metrics.headers["Content-Type"])
        text = metrics.raw.decode()
        for line in text.splitlines():
            self.assertRegex(line, r"^(# (HELP|TYPE) .*|[a-zA-Z_:][a-zA-Z0-9_:]*(\{.*\})? [-+0-9.eEInfNa]+)$")
        self.assertIn("tenantseal_", text)
        document = server.call("GET", "/openapi.json", token=None).json
        self.assertTrue(document["openapi"].startswith("3.1"))
        self.assertIn(SEAL, document["paths"])

    def test_every_documented_path_exists(self):
        server = self.start()
        document = server.call("GET", "/openapi.json", token=None).json
        for path, methods in document["paths"].items():
            for method in methods:
                if method not in ("get", "post", "delete", "put", "patch"):
                    continue
                place = path.replace("{tenantId}", "A" * 32).replace("{id}", "A" * 22)
                answer = server.call(method.upper(), place, token=None)
                # /login leads back to the page when no provider is configured.
                self.assertIn(answer.status, (200, 204, 302, 400, 401, 415), (method, path, answer))

    def test_every_setting_is_documented_and_every_documented_one_exists(self):
        told = self.cli_ok("serve", "--help").stdout.decode()
        page = (harness.ROOT / "docs/operations.md").read_text()
        page = page[page.index("## Settings"):page.index("## Files")]
        page += (harness.ROOT / "docs/signing-in.md").read_text()   # Those of signing in stand there.
        flags, documented = (set(re.findall(r"--([a-z][a-z-]+[a-z])(?![-\w])", text)) for text in (told, page))
        self.assertEqual(flags - {"help"}, documented)

    def test_answers_carry_a_request_id_and_the_log_names_it(self):
        server = self.start()
        answer = server.call("GET", API + "/tenants", token="tsk_" + "w" * 43)
        self.assertRegex(answer.headers["X-Request-Id"], r"^[A-Za-z0-9_-]{16}$")

    def test_plain_http_elsewhere_than_on_loopback_is_refused(self):
        done = subprocess.run([harness.BINARY, "serve", "--data-dir", str(self.data), "--listen",
                               f"0.0.0.0:{harness.free_port()}"], capture_output=True, timeout=20)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"tls-cert", done.stderr + done.stdout)

    def test_a_taken_port_is_said_so(self):
        first = self.start()
        log = self.start_failing(self.directory / "other", port=first.port)
        self.assertIn(str(first.port), log)
        self.assertRegex(log, "in use|taken")
        self.assertFalse((self.directory / "other").exists(), "refused before anything is made")

    def test_bad_flags_are_named(self):
        for arguments in (["--listen", "nonsense"], ["--no-such-flag"], ["--listen", "127.0.0.1:99999"]):
            log = self.start_failing(self.directory / "other", arguments=arguments)
            self.assertIn(arguments[0].lstrip("-"), log)
            self.assertFalse((self.directory / "other").exists())

    def test_a_bad_operator_key_is_refused_before_anything_is_made(self):
        for key in ("short", "with a space in it", "x" * 257):
            log = self.start_failing(environment={"TENANTSEAL_OPERATOR_KEY": key})
            self.assertIn("TENANTSEAL_OPERATOR_KEY", log)
            self.assertNotIn(key, log)
            self.assertFalse(self.data.exists())

    def test_what_moves_data_keys_gives_way_to_requests(self):
        server = self.start()
        tasks = pathlib.Path(f"/proc/{server.pid}/task")
        def niceness():
            threads = (int(task.name) for task in tasks.iterdir())
            return collections.Counter(os.getpriority(os.PRIO_PROCESS, thread) for thread in threads)
        # Of rewrap jobs and of migrations. It answers before they have begun.
        harness.wait_until(lambda: niceness()[10] == 2, what="two threads of niceness 10")
        self.assertEqual(set(niceness()), {os.getpriority(os.PRIO_PROCESS, 0), 10})

    def test_durable_counts_of_use(self):
        server = self.start()
        tenant = self.tenant(server)
        token = self.service_token(server, tenant)
        auditor = self.api_key(server, "Auditor", tenant)[1]
        for _ in range(7):
            sealed = self.seal(server, token, b"x")
        for _ in range(3):
            self.open_value(server, token, sealed, {"wrong": "context"})
        self.assertEqual(server.terminate(), 0)   # Counts are written at the latest here.
        counted = self.counts(self.start(), auditor)
        self.assertEqual(counted, {("seal", "ok"): 7, ("open", "decrypt-failed"): 3})

    def counts(self, server, auditor):
        answer = self.expect(server.call("GET", ENCRYPTION + "/usage", token=auditor), 200)
        counted = collections.Counter()
        for item in answer["data"]:
            counted[item["operation"], item["outcome"]] += item["count"]
        return counted

    def test_counts_of_use_are_durable_while_it_runs(self):
        server = self.start()
        tenant = self.tenant(server)
        token = self.service_token(server, tenant)
        auditor = self.api_key(server, "Auditor", tenant)[1]
        for _ in range(7):
            self.seal(server, token, b"x")
        def written():
            with contextlib.closing(sqlite3.connect(f"file:{self.data}/tenantseal.db?mode=ro", uri=True)) as database:
                return database.execute("SELECT sum(count) FROM usage WHERE operation = 'seal'").fetchone()[0] == 7
        harness.wait_until(written, 10, "the counts in the database")
        server.kill()
        self.assertEqual(self.counts(self.start(), auditor), {("seal", "ok"): 7})


class Tls(harness.Case):
    def test_a_given_certificate(self):
        certificate, key = self.directory / "cert.pem", self.directory / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True)
        key.chmod(0o600)
        server = self.start(tls=str(certificate), arguments=["--tls-cert", str(certificate), "--tls-key", str(key)])
        token = self.service_token(server, self.tenant(server))
        sealed = self.seal(server, token, b"over TLS")
        self.assert_opens(server, token, sealed, b"over TLS")
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        with self.assertRaises((ssl.SSLError, OSError)):
            with socket.create_connection(("127.0.0.1", server.port)) as plain:
                old.wrap_socket(plain)
        with self.assertRaises((http.client.HTTPException, OSError)):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
            connection.request("GET", "/healthz")
            connection.getresponse()

    def test_a_wrong_certificate_is_named(self):
        nonsense = self.directory / "nonsense.pem"
        nonsense.write_text("nonsense")
        nonsense.chmod(0o600)
        log = self.start_failing(arguments=["--tls-cert", str(nonsense), "--tls-key", str(nonsense)])
        self.assertRegex(log.lower(), "certificate|tls")
        self.assertFalse(self.data.exists(), "refused before anything is made")
        missing = str(self.directory / "nope")
        self.assertIn(missing, self.start_failing(arguments=["--tls-cert", missing, "--tls-key", missing]))
        self.assertFalse(self.data.exists())


class Limits(harness.Case):
    def burst(self, server, token, requests, threads=8):
        """Statuses and answers of `requests` seals over `threads` kept connections."""
        def work(count):
            connection, answers = server.connect(), []
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            for _ in range(count):
                connection.request("POST", SEAL, json.dumps(BODY), headers)
                response = connection.getresponse()
                answers.append((response.status, response.headers.get("Retry-After"), response.read()))
            connection.close()
            return answers
        with ThreadPoolExecutor(threads) as pool:
            return [a for part in pool.map(work, [requests // threads] * threads) for a in part]

    def test_a_tenants_rate_is_limited_and_another_is_served(self):
        server = self.start(arguments=["--tenant-rate", "50"])
        loud, quiet = (self.service_token(server, self.tenant(server, n)) for n in ("Loud", "Quiet"))
        answers = self.burst(server, loud, 1600)
        statuses = [a[0] for a in answers]
        self.assertEqual(set(statuses), {200, 429})
        limited = next(a for a in answers if a[0] == 429)
        self.assertGreaterEqual(int(limited[1]), 1)
        error = json.loads(limited[2])["errors"][0]
        self.assertEqual(error["code"], "HTTP-429")
        self.seal(server, quiet, b"served all the same")
        harness.wait_until(lambda: server.call("POST", SEAL, BODY, token=loud).status == 200, 30, "the end of the limit")

    def test_full_queues_answer_503_with_retry_after(self):
        server = self.start(arguments=["--worker-threads", "1", "--queue-max", "8"])
        token = self.service_token(server, self.tenant(server))
        def make(_):
            return server.call("POST", ENCRYPTION + "/data-keys",
                               {"managed": True, "encryptionContext": {}, "count": 1000}, token=token)
        with ThreadPoolExecutor(48) as pool:
            answers = list(pool.map(make, range(96)))
        statuses = {a.status for a in answers}
        self.assertEqual(statuses, {201, 503}, statuses)
        for answer in answers:
            if answer.status == 503:
                self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)
                self.assertEqual(answer.code, "unavailable")
        self.seal(server, token, b"serves again")

    def test_a_slow_client_costs_the_others_nothing(self):
        server = self.start()
        token = self.service_token(server, self.tenant(server))
        slow = []
        for _ in range(200):
            connection = socket.create_connection(("127.0.0.1", server.port))
            connection.sendall(b"POST " + SEAL.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Le")
            slow.append(connection)
        started = time.monotonic()
        for _ in range(20):
            self.seal(server, token, b"x")
        self.assertLess(time.monotonic() - started, 5)
        for connection in slow:
            connection.close()


class Drain(harness.Case):
    def test_sigterm_finishes_what_is_in_flight(self):
        server = self.start()
        token = self.service_token(server, self.tenant(server))
        answers, failures, stop = [], [], threading.Event()

        def client():
            while not stop.is_set():
                try:
                    answers.append(server.call("POST", ENCRYPTION + "/data-keys",
                                               {"managed": True, "encryptionContext": {}, "count": 200}, token=token))
                except ConnectionRefusedError:
                    return
                except (OSError, http.client.HTTPException) as failure:
                    # A connection that had sent nothing yet may be closed; one with a request may not.
                    failures.append(failure)
                    return
        clients = [threading.Thread(target=client) for _ in range(6)]
        for thread in clients:
            thread.start()
        harness.wait_until(lambda: len(answers) > 10)
        started = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(server.exit_status(30), 0)
        self.assertLess(time.monotonic() - started, 20)
        stop.set()
        for thread in clients:
            thread.join(30)
        self.assertTrue(all(a.status in (201, 503) for a in answers))
        again = self.start()
        for answer in answers:
            if answer.status == 201:
                key = answer.json["items"][0]
                self.assertEqual(self.unwrap(again, token, id=key["id"]).json["plaintext"], key["plaintext"])

    def test_sigint_stops_too(self):
        server = self.start()
        server.process.send_signal(signal.SIGINT)
        self.assertEqual(server.exit_status(20), 0)


if __name__ == "__main__":
    harness.main()
