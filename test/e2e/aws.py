"""What the end-to-end tests on AWS keys share: the emulator as a process, and signed calls to it.

TENANTSEAL_EMULATOR names the emulator under test; the default is that of the release preset. The
accounts, keys and secrets are those of the emulator's built-in seed.
"""
import datetime
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import subprocess

import harness

EMULATOR = os.environ.get("TENANTSEAL_EMULATOR", str(harness.ROOT / "build/release/bin/tenantseal-aws-emulator"))

ADMIN = ("AKIACUSTOMERADMIN001", "customer-admin-secret")
SERVICE = ("AKIATENANTSEALSVC001", "tenantseal-service-secret")
CUSTOMER_ACCOUNT = "111122223333"
ROLE = "arn:aws:iam::338144066592:role/byok-encryption-proxy-role"
PRIMARY, BACKUP = "us-east-1", "us-east-2"


def sign(host, region, service, headers, body, credentials):
    """Signature Version 4 of a POST to "/": the headers to send (AWS General Reference)."""
    key_id, secret = credentials
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    signed = {"host": host, "x-amz-date": stamp, **{name.lower(): value for name, value in headers.items()}}
    names = ";".join(sorted(signed))
    lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
    request = "\n".join(["POST", "/", "", lines, names, hashlib.sha256(body).hexdigest()])
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    signed["authorization"] = (f"AWS4-HMAC-SHA256 Credential={key_id}/{scope}, "
                               f"SignedHeaders={names}, Signature={signature}")
    return signed


def tenant_policy(tenants, principal=ROLE):
    """A key policy that admits the service for these tenants, and the customer for everything."""
    use = {"Sid": "use", "Effect": "Allow", "Principal": {"AWS": principal}, "Resource": "*",
           "Action": ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*"],
           "Condition": {"StringEquals": {"kms:EncryptionContext:TenantId": tenants}}}
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Sid": "admin", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{CUSTOMER_ACCOUNT}:root"},
         "Action": "kms:*", "Resource": "*"},
        {"Sid": "describe", "Effect": "Allow", "Principal": {"AWS": principal}, "Action": "kms:DescribeKey",
         "Resource": "*"}] + ([use] if tenants else [])})


class Emulator:
    """One emulator process. It is ready when this returns."""

    def __init__(self, directory, arguments=()):
        self.port = harness.free_port()
        self.log_path = pathlib.Path(directory) / "emulator.log"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([EMULATOR, "--listen", f"127.0.0.1:{self.port}", *arguments],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        harness.wait_until(self._serves, 20, "the emulator's readiness")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def _serves(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the emulator exited:\n{self.log_path.read_text()}")
        try:
            return self._post("GET", "/_emulator/health", b"", {})[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)

    def _post(self, method, path, body, headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def admin(self, name, body):
        status, raw = self._post("POST", f"/_emulator/{name}", json.dumps(body).encode(),
                                 {"Content-Type": "application/json"})
        if status != 200:
            raise AssertionError(f"/_emulator/{name}: {status} {raw!r}")
        return json.loads(raw) if raw else None

    def fault(self, **rule):
        return self.admin("faults", rule)

    def mend(self):
        return self.admin("faults", {"clear": True})

    def kms(self, operation, region=PRIMARY, credentials=ADMIN, **arguments):
        body = json.dumps(arguments).encode()
        headers = sign(f"127.0.0.1:{self.port}", region, "kms",
                       {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"TrentService.{operation}"},
                       body, credentials)
        status, raw = self._post("POST", "/", body, headers)
        if status != 200:
            raise AssertionError(f"{operation}: {status} {raw!r}")
        return json.loads(raw) if raw else {}

    def trail(self, region, credentials=ADMIN, **arguments):
        """One page of CloudTrail's LookupEvents."""
        body = json.dumps(arguments).encode()
        target = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents"
        headers = sign(f"127.0.0.1:{self.port}", region, "cloudtrail",
                       {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}, body, credentials)
        status, raw = self._post("POST", "/", body, headers)
        if status != 200:
            raise AssertionError(f"LookupEvents: {status} {raw!r}")
        return json.loads(raw)

    def create_key(self, policy, multi_region=False):
        """Returns the key's ARN and its replica's ("" without)."""
        arn = self.kms("CreateKey", Policy=policy, MultiRegion=multi_region)["KeyMetadata"]["Arn"]
        if not multi_region:
            return arn, ""
        key_id = arn.rsplit("/", 1)[1]
        replica = self.kms("ReplicateKey", KeyId=key_id, ReplicaRegion=BACKUP, Policy=policy)
        harness.wait_until(lambda: self.kms("DescribeKey", BACKUP, KeyId=key_id)["KeyMetadata"]["Enabled"], 30,
                           "the replica")
        return arn, replica["ReplicaKeyMetadata"]["Arn"]


class Case(harness.Case):
    """A test case with an emulator and servers that use it."""

    def setUp(self):
        super().setUp()
        self.emulator = Emulator(self.directory)
        self.addCleanup(self.emulator.stop)

    @property
    def environment(self):
        return {"AWS_ACCESS_KEY_ID": SERVICE[0], "AWS_SECRET_ACCESS_KEY": SERVICE[1], "AWS_REGION": PRIMARY,
                "AWS_ENDPOINT_URL": self.emulator.url, "AWS_EC2_METADATA_DISABLED": "true",
                "TENANTSEAL_AWS_ROLE_ARN": ROLE}

    def start_aws(self, *arguments):
        return self.start(arguments=arguments, environment=self.environment)

    def adopt(self, server, tenant, arn):
        """Makes the key the tenant's current provider; returns its fingerprint."""
        _, admin = self.api_key(server, "TenantAdmin", tenant)
        base = "/api/v1/encryption/keyproviders"
        made = self.expect(server.call("POST", base, {"keyprovider": "AWS-KMS", "name": "AWS KMS", "arn": arn},
                                       token=admin), 201)
        fingerprint = made["arnFingerPrint"]
        self.expect(server.call("POST", f"{base}/{fingerprint}/actions/migrate", token=admin), 200)

        def completed():
            answer = server.call("GET", f"{base}/migration/actions/details", token=admin)
            return answer.status == 200 and answer.json["state"] == "Completed"
        harness.wait_until(completed, 60, "the migration")
        return fingerprint

    def metric(self, server, name):
        """The sum of a metric's samples."""
        text = server.call("GET", "/metrics", token=None).raw.decode()
        values = [float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                  if line.startswith((name + " ", name + "{"))]
        return sum(values)
