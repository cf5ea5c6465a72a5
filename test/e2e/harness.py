"""What the end-to-end tests share: a real server on a loopback port, HTTP calls, the command line.

Everything lives in one temporary directory per test case. Servers are stopped by their process id.
TENANTSEAL_BIN names the binary under test; the default is the one of the dev preset.
"""
import base64
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BINARY = os.environ.get("TENANTSEAL_BIN", str(ROOT / "build/release/bin/tenantseal"))
OPERATOR = "operator-key-of-the-end-to-end-tests"
API = "/api/v1"
ENCRYPTION = API + "/encryption"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def b64(raw):
    return base64.b64encode(raw).decode()


def wait_until(condition, timeout=10.0, what="the condition"):
    """Polls until `condition()` is true; the only waiting in these tests."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {timeout} s")
        time.sleep(0.02)


class Answer:
    def __init__(self, status, headers, raw):
        self.status, self.headers, self.raw = status, headers, raw

    @property
    def json(self):
        return json.loads(self.raw)

    @property
    def code(self):
        return self.json["errors"][0]["code"]

    @property
    def field(self):
        return self.json["errors"][0].get("meta", {}).get("field", "")

    def __repr__(self):
        return f"<{self.status} {self.raw[:300]!r}>"


class Server:
    """One server process. `user` starts it as another user (needs root)."""

    def __init__(self, data, *, port=None, arguments=(), environment=None, log=None, user=None, tls=None,
                 limits=None):
        self.data = str(data)
        self.port = port or free_port()
        self.tls = tls
        self.log_path = pathlib.Path(log or f"{self.data}.{self.port}.log")
        command = [BINARY, "serve", "--data-dir", self.data, "--listen", f"127.0.0.1:{self.port}", *arguments]
        if user is not None:
            command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *command]
        if limits is not None:
            command = ["bash", "-c", f'{limits}; exec "$@"', "_", *command]
        env = {**os.environ, "TENANTSEAL_OPERATOR_KEY": OPERATOR, **(environment or {})}
        with open(self.log_path, "ab") as log_file:
            self.process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL,
                                            stdout=log_file, stderr=log_file)

    @property
    def pid(self):
        return self.process.pid

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def log(self):
        return self.log_path.read_text(errors="replace")

    def connect(self, timeout=30):
        if self.tls:
            context = ssl.create_default_context(cafile=self.tls)
            context.check_hostname = False
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=context)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ready(self, timeout=30):
        def serves():
            if self.process.poll() is not None:
                raise AssertionError(f"the server exited with {self.process.returncode}:\n{self.log}")
            try:
                return self.call("GET", "/healthz", token=None, timeout=2).status == 200
            except (OSError, http.client.HTTPException):
                return False
        wait_until(serves, timeout, "the server's readiness")
        return self

    def exit_status(self, timeout=30):
        """Waits for the process to end by itself."""
        return self.process.wait(timeout)

    def call(self, method, path, body=None, *, token=OPERATOR, raw=None, headers=None, timeout=30):
        """One request on a connection of its own. `raw` is sent as it is, `body` as JSON."""
        sent = {} if token is None else {"Authorization": f"Bearer {token}"}
        data = raw
        if body is not None:
            data = json.dumps(body).encode()
        if data is not None:
            sent["Content-Type"] = "application/json"
        sent.update(headers or {})
        connection = self.connect(timeout)
        try:
            try:
                connection.request(method, path, body=data, headers={k: v for k, v in sent.items() if v is not None})
            except BrokenPipeError:
                pass   # Refused before the whole body was sent; the answer is there to be read.
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def terminate(self, timeout=30):
        """SIGTERM, and the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)


class Case(unittest.TestCase):
    """A test case with a temporary directory, servers that are stopped, and shorthands."""

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="tenantseal-e2e-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.data = self.directory / "data"

    def start(self, data=None, **options):
        server = Server(data or self.data, **options)
        self.addCleanup(server.kill)
        return server.ready()

    def start_failing(self, data=None, **options):
        """A server that must refuse to start; returns its log. It must not have listened."""
        server = Server(data or self.data, **options)
        self.addCleanup(server.kill)
        status = server.exit_status()
        self.assertGreater(status, 0, server.log)
        return server.log

    # --- The API ---
    def expect(self, answer, status):
        self.assertEqual(answer.status, status, answer)
        return answer.json if answer.raw else None

    def tenant(self, server, name="Example"):
        return self.expect(server.call("POST", API + "/tenants", {"name": name, "region": "us-east-1"}), 201)["id"]

    def api_key(self, server, role, tenant=None, **more):
        body = {"description": f"a {role}", "role": role, **more}
        if tenant:
            body["tenantId"] = tenant
        answer = self.expect(server.call("POST", API + "/api-keys", body), 201)
        return answer["id"], answer["token"]

    def service_token(self, server, tenant):
        return self.api_key(server, "ContentService", tenant)[1]

    def tenant_action(self, server, tenant, action, status=None, token=OPERATOR):
        answer = server.call("POST", f"{API}/tenants/{tenant}/actions/{action}", {}, token=token)
        self.assertIn(answer.status, [status] if status else [200, 202, 204], answer)
        return answer

    def seal(self, server, token, plaintext, context=None, status=200):
        body = {"plaintext": b64(plaintext), "encryptionContext": context or {}}
        answer = self.expect(server.call("POST", ENCRYPTION + "/values/actions/seal", body, token=token), status)
        return answer.get("ciphertext")

    def open_value(self, server, token, ciphertext, context=None):
        body = {"ciphertext": ciphertext, "encryptionContext": context or {}}
        return server.call("POST", ENCRYPTION + "/values/actions/open", body, token=token)

    def assert_opens(self, server, token, ciphertext, plaintext, context=None):
        answer = self.expect(self.open_value(server, token, ciphertext, context), 200)
        self.assertEqual(base64.b64decode(answer["plaintext"]), plaintext)

    def data_keys(self, server, token, count=None, managed=True, context=None):
        body = {"managed": managed, "encryptionContext": context or {}}
        if count:
            body["count"] = count
        answer = self.expect(server.call("POST", ENCRYPTION + "/data-keys", body, token=token), 201)
        return answer["items"] if count else [answer]

    def unwrap(self, server, token, context=None, **key):
        body = {**key, "encryptionContext": context or {}}
        return server.call("POST", ENCRYPTION + "/data-keys/actions/unwrap", body, token=token)

    def rotate(self, server, tenant, admin):
        """Starts a rotation and waits until its data keys are rewrapped."""
        started = server.call("POST", ENCRYPTION + "/tenant-keys/actions/rotate", {}, token=admin)
        self.assertIn(started.status, (200, 201, 202), started)
        return started.json

    # --- The command line ---
    def cli(self, *arguments, server=None, token=None, stdin=None, timeout=120, environment=None):
        return subprocess.run([BINARY, *map(str, arguments)], input=stdin,
                              env=self.cli_environment(server, token, environment), timeout=timeout,
                              stdin=subprocess.DEVNULL if stdin is None else None,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def cli_environment(self, server=None, token=None, environment=None):
        env = {k: v for k, v in os.environ.items() if not k.startswith("TENANTSEAL_")}
        if server is not None:
            env["TENANTSEAL_SERVER"] = server.url
        if token is not None:
            env["TENANTSEAL_API_KEY"] = token
        return env | (environment or {})

    def cli_ok(self, *arguments, **options):
        done = self.cli(*arguments, **options)
        self.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace"))
        return done


def main():
    unittest.main(verbosity=2)
