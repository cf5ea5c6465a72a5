"""The emulator as a process: signed calls of KMS, STS and CloudTrail, faults, clock, restart."""
import datetime
import email.utils
import hashlib
import hmac
import http.client
import json
import os
import re
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.parse

from harness import ROOT, b64, free_port, wait_until

EMULATOR = os.environ.get("TENANTSEAL_EMULATOR", str(ROOT / "build/release/bin/tenantseal-aws-emulator"))
ADMIN = ("AKIACUSTOMERADMIN001", "customer-admin-secret", "")
SERVICE = ("AKIATENANTSEALSVC001", "tenantseal-service-secret", "")
ROLE = "arn:aws:iam::338144066592:role/byok-encryption-proxy-role"
KEY = "mrk-1234abcd12ab34cd56ef1234567890ab"
KEY_ARN = "arn:aws:kms:us-east-1:111122223333:key/" + KEY
TENANT = {"TenantId": "demo-tenant-0000000000000000000A"}


class Emulator:
    def __init__(self, *arguments):
        self.port = free_port()
        self.process = subprocess.Popen([EMULATOR, "--listen", f"127.0.0.1:{self.port}", *arguments],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.first_line = self.process.stdout.readline()

    def stop(self):
        if self.process.poll() is not None:
            return self.process.returncode
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(20)
        self.process.stdout.close()
        return status

    def send(self, method, path, body, headers, timeout=10):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers
        finally:
            connection.close()

    def signed(self, who, service, region, body, headers, timeout=10):
        key_id, secret, token = who
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        headers = {**headers, "host": f"127.0.0.1:{self.port}", "x-amz-date": now}
        if token:
            headers["x-amz-security-token"] = token
        names = ";".join(sorted(headers))
        canonical = "\n".join(["POST", "/", "", *(f"{n}:{headers[n]}" for n in sorted(headers)), "", names,
                               hashlib.sha256(body.encode()).hexdigest()])
        scope = f"{now[:8]}/{region}/{service}/aws4_request"
        key = ("AWS4" + secret).encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={names}, "
                                    f"Signature={signature}")
        return self.send("POST", "/", body, headers, timeout)

    def json_call(self, who, service, target, region, timeout=10, **parameters):
        status, raw, headers = self.signed(who, service, region, json.dumps(parameters), {
            "content-type": "application/x-amz-json-1.1", "x-amz-target": target}, timeout)
        assert re.fullmatch(r"[0-9a-f-]{36}", headers["x-amzn-RequestId"])
        return (status, json.loads(raw)) if raw else (status, {})

    def kms(self, who, operation, region="us-east-1", timeout=10, **parameters):
        return self.json_call(who, "kms", "TrentService." + operation, region, timeout, **parameters)

    def lookup(self, who, region="us-east-1", **parameters):
        target = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents"
        status, answer = self.json_call(who, "cloudtrail", target, region, **parameters)
        return [json.loads(e["CloudTrailEvent"]) for e in answer["Events"]] if status == 200 else answer

    def sts(self, who, **parameters):
        body = urllib.parse.urlencode({"Version": "2011-06-15", **parameters})
        status, raw, _ = self.signed(who, "sts", "us-east-1", body, {
            "content-type": "application/x-www-form-urlencoded; charset=utf-8"})
        return status, dict(re.findall(r"<(\w+)>([^<]*)</", raw.decode()))

    def session(self):
        status, fields = self.sts(SERVICE, Action="AssumeRole", RoleArn=ROLE, RoleSessionName="e2e")
        assert status == 200, fields
        return fields["AccessKeyId"], fields["SecretAccessKey"], fields["SessionToken"]

    def admin(self, name, body=None):
        status, raw, _ = self.send("GET" if body is None else "POST", "/_emulator/" + name,
                                   None if body is None else json.dumps(body), {})
        return status, json.loads(raw)


class EmulatorTest(unittest.TestCase):
    def setUp(self):
        self.emulator = Emulator("--demo")
        self.addCleanup(self.emulator.stop)

    def test_a_role_uses_the_key_with_its_tenant_only_and_the_trail_shows_it(self):
        e, who = self.emulator, self.emulator.session()
        status, sealed = e.kms(who, "Encrypt", KeyId=KEY_ARN, Plaintext=b64(b"secret"), EncryptionContext=TENANT)
        self.assertEqual((status, sealed.get("KeyId")), (200, KEY_ARN), sealed)
        status, opened = e.kms(who, "Decrypt", CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=TENANT)
        self.assertEqual((status, opened.get("Plaintext")), (200, b64(b"secret")), opened)
        status, opened = e.kms(who, "Decrypt", "us-east-2", CiphertextBlob=sealed["CiphertextBlob"],
                               EncryptionContext=TENANT)
        self.assertEqual((status, opened.get("KeyId")), (200, KEY_ARN.replace("east-1", "east-2")), opened)
        status, refused = e.kms(who, "Encrypt", KeyId=KEY_ARN, Plaintext=b64(b"x"),
                                EncryptionContext={"TenantId": "another"})
        self.assertEqual((status, refused["__type"]), (400, "AccessDeniedException"))

        events = [v for v in e.lookup(ADMIN) if v["eventSource"] == "kms.amazonaws.com"]
        self.assertEqual([v["eventName"] for v in events], ["Decrypt", "Encrypt"])   # Denials stay with the caller.
        self.assertEqual(events[0]["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"], ROLE)
        self.assertEqual(events[1]["requestParameters"]["encryptionContext"], TENANT)
        mine = [v for v in e.lookup(who) if v["eventSource"] == "kms.amazonaws.com"]
        self.assertEqual([v.get("errorCode") for v in mine], ["AccessDenied", None, None])
        self.assertEqual(mine[2]["sharedEventID"], events[1]["sharedEventID"])

    def test_identity_and_refusals(self):
        e = self.emulator
        self.assertIn("user/admin", e.sts(ADMIN, Action="GetCallerIdentity")[1]["Arn"])
        status, fields = e.sts(ADMIN, Action="AssumeRole", RoleArn=ROLE, RoleSessionName="e2e")
        self.assertEqual((status, fields["Code"]), (403, "AccessDenied"))
        bad = (ADMIN[0], "wrong", "")
        self.assertEqual(e.sts(bad, Action="GetCallerIdentity")[1]["Code"], "SignatureDoesNotMatch")
        self.assertEqual(e.kms(bad, "ListKeys")[1]["__type"], "InvalidSignatureException")
        self.assertEqual(e.kms(ADMIN, "Nonsense")[1]["__type"], "UnknownOperationException")
        status, raw, _ = e.send("POST", "/", "{}", {"X-Amz-Target": "TrentService.ListKeys"})
        self.assertEqual((status, json.loads(raw)["__type"]), (400, "MissingAuthenticationTokenException"))
        self.assertEqual(e.send("GET", "/", None, {})[0], 400)
        status, raw, _ = e.send("POST", "/", "{}", {"Content-Type": "application/x-amz-json-1.1"})
        self.assertEqual((status, json.loads(raw)["__type"]), (400, "UnknownOperationException"))
        self.assertEqual(e.kms(ADMIN, "ListKeys", "bogus-region-1")[1]["__type"], "InvalidSignatureException")

    def test_faults_strike_and_go(self):
        e = self.emulator
        def strike(**fault):
            self.assertEqual(e.admin("faults", {"clear": True, "add": [fault]})[0], 200)
        strike(kind="throttle", operation="DescribeKey", count=1)
        self.assertEqual(e.kms(ADMIN, "DescribeKey", KeyId=KEY)[1]["__type"], "ThrottlingException")
        self.assertEqual(e.kms(ADMIN, "DescribeKey", KeyId=KEY)[0], 200)
        strike(kind="error", status=503)
        self.assertEqual(e.kms(ADMIN, "DescribeKey", KeyId=KEY)[0], 503)
        strike(kind="region-down", region="us-east-1")
        with self.assertRaises((http.client.HTTPException, ConnectionError)):
            e.kms(ADMIN, "DescribeKey", KeyId=KEY)
        self.assertEqual(e.kms(ADMIN, "DescribeKey", "us-east-2", KeyId=KEY)[0], 200)
        strike(kind="black-hole")
        with self.assertRaises(TimeoutError):
            e.kms(ADMIN, "DescribeKey", timeout=0.3, KeyId=KEY)
        strike(kind="truncate")
        with self.assertRaises(http.client.IncompleteRead):
            e.kms(ADMIN, "DescribeKey", KeyId=KEY)
        strike(kind="slow", delayMs=300)
        began = time.monotonic()
        self.assertEqual(e.kms(ADMIN, "DescribeKey", KeyId=KEY)[0], 200)
        self.assertGreaterEqual(time.monotonic() - began, 0.3)
        strike(kind="expired-token")
        self.assertEqual(e.kms(ADMIN, "DescribeKey", KeyId=KEY)[1]["__type"], "ExpiredTokenException")
        strike(kind="clock-skew")
        status, raw, headers = e.signed(ADMIN, "kms", "us-east-1", "{}", {
            "content-type": "application/x-amz-json-1.1", "x-amz-target": "TrentService.ListKeys"})
        self.assertEqual((status, json.loads(raw)["__type"]), (400, "InvalidSignatureException"))
        told = email.utils.parsedate_to_datetime(headers["Date"]) - datetime.datetime.now(datetime.timezone.utc)
        self.assertAlmostEqual(told.total_seconds(), 3600, delta=10)
        strike(kind="creating", region="us-east-2")
        described = e.kms(ADMIN, "DescribeKey", "us-east-2", KeyId=KEY)[1]
        self.assertEqual(described["KeyMetadata"]["KeyState"], "Creating")
        e.admin("faults", {"clear": True})
        described = e.kms(ADMIN, "DescribeKey", "us-east-2", KeyId=KEY)[1]
        self.assertEqual(described["KeyMetadata"]["KeyState"], "Enabled")
        status, answer = e.admin("faults", {"add": [{"kind": "throttle"}, {"kind": "no"}]})
        self.assertEqual((status, answer["field"]), (400, "/add/1/kind"))

    def test_a_fault_of_replicas_leaves_the_settings_alone(self):
        e = self.emulator
        self.assertEqual(e.admin("settings", {"replicaCreating": "5s"})[0], 200)
        primary = e.kms(ADMIN, "CreateKey", MultiRegion=True)[1]["KeyMetadata"]["KeyId"]
        def replicate(region):
            answer = e.kms(ADMIN, "ReplicateKey", KeyId=primary, ReplicaRegion=region)[1]
            return answer["ReplicaKeyMetadata"]["KeyState"]
        def state(region):
            return e.kms(ADMIN, "DescribeKey", region, KeyId=primary)[1]["KeyMetadata"]["KeyState"]
        self.assertEqual(e.admin("faults", {"kind": "creating"})[0], 200)
        self.assertEqual(replicate("eu-west-1"), "Creating")
        e.admin("clock", {"advance": "1d"})
        self.assertEqual(state("eu-west-1"), "Creating")
        e.admin("faults", {"clear": True})
        self.assertEqual(state("eu-west-1"), "Enabled")
        self.assertEqual(e.admin("settings")[1]["replicaCreating"], "5000ms")
        self.assertEqual(replicate("eu-west-2"), "Creating")
        e.admin("clock", {"advance": "5s"})
        self.assertEqual(state("eu-west-2"), "Enabled")

    def test_time_passes_and_reset_brings_everything_back(self):
        e, who = self.emulator, self.emulator.session()
        self.assertEqual(e.kms(ADMIN, "ScheduleKeyDeletion", "us-east-2", KeyId=KEY, PendingWindowInDays=7)[0], 200)
        self.assertEqual(e.admin("clock", {"advance": "8d"})[0], 200)
        self.assertEqual(e.kms(ADMIN, "DescribeKey", "us-east-2", KeyId=KEY)[1]["__type"], "NotFoundException")
        self.assertEqual(e.kms(who, "DescribeKey", KeyId=KEY_ARN)[1]["__type"], "ExpiredTokenException")
        names = [v["eventName"] for v in e.lookup(ADMIN, "us-east-2")]
        self.assertIn("DeleteKey", names)
        self.assertEqual(e.admin("reset", {})[0], 200)
        self.assertEqual(e.kms(ADMIN, "DescribeKey", "us-east-2", KeyId=KEY)[0], 200)
        for change, field in (({"set": "9999-01-01T00:00:00Z"}, "/set"), ({"set": "1900-01-01T00:00:00Z"}, "/set")):
            status, answer = e.admin("clock", change)
            self.assertEqual((status, answer["field"]), (400, field))
        self.assertEqual(e.admin("clock", {"advance": "36000d"})[0], 200)
        self.assertEqual(e.admin("clock", {"advance": "36000d"})[1]["field"], "/advance")
        self.assertEqual(e.admin("reset", {})[0], 200)
        self.assertEqual(e.admin("health")[1]["status"], "ok")
        self.assertEqual(e.send("POST", "/_emulator/reset", "{}", {"Origin": "http://evil"})[0], 403)


class RestartTest(unittest.TestCase):
    def test_state_and_trail_survive_a_restart(self):
        with tempfile.TemporaryDirectory() as directory:
            state = os.path.join(directory, "state.db")
            first = Emulator("--state", state)
            self.addCleanup(first.stop)
            created = first.kms(ADMIN, "CreateKey", Description="kept")[1]["KeyMetadata"]
            sealed = first.kms(ADMIN, "Encrypt", KeyId=created["KeyId"], Plaintext=b64(b"kept"))[1]
            session = first.session()
            self.assertEqual(first.stop(), 0)
            second = Emulator("--state", state)
            self.addCleanup(second.stop)
            opened = second.kms(ADMIN, "Decrypt", CiphertextBlob=sealed["CiphertextBlob"])[1]
            self.assertEqual(opened["Plaintext"], b64(b"kept"))
            self.assertIn("assumed-role", second.sts(session, Action="GetCallerIdentity")[1]["Arn"])
            self.assertIn("CreateKey", [v["eventName"] for v in second.lookup(ADMIN)])

    def test_usage_errors_name_the_flag(self):
        for arguments, word in ((["--listen", "nowhere"], "--listen"), (["--account", "1"], "--account"),
                                (["--seed", "/nowhere.json"], "/nowhere.json")):
            done = subprocess.run([EMULATOR, *arguments], capture_output=True, text=True, timeout=20)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(word, done.stderr)
        self.assertIn("--region-listen", subprocess.run([EMULATOR, "--help"], capture_output=True, text=True).stdout)

    def test_a_regional_listener_takes_its_region_only(self):
        regional = Emulator("--region-listen", f"us-east-2=127.0.0.1:{(port := free_port())}")
        self.addCleanup(regional.stop)
        wait_until(lambda: regional.kms(ADMIN, "ListKeys")[0] == 200)
        regional.port = port
        self.assertEqual(regional.kms(ADMIN, "ListKeys", "us-east-2")[0], 200)
        self.assertEqual(regional.kms(ADMIN, "ListKeys")[1]["__type"], "InvalidSignatureException")


if __name__ == "__main__":
    unittest.main()
