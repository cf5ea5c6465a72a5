"""The service's calls of AWS KMS against CloudTrail: they agree over the life of a key with a replica, in both
accounts; a call made with stolen credentials, one that was removed from the database, and one that was put there
are found; what cannot be verified is said. Runs under Debian's Python, which has boto3."""
import contextlib
import datetime
import json
import sqlite3
import time

import boto3
import botocore.exceptions

import aws
import harness

PROFILES = f"""[profile base]
aws_access_key_id = {aws.SERVICE[0]}
aws_secret_access_key = {aws.SERVICE[1]}
[profile service]
role_arn = {aws.ROLE}
source_profile = base
[profile customer]
aws_access_key_id = {aws.ADMIN[0]}
aws_secret_access_key = {aws.ADMIN[1]}
"""
BOTH = ("--caller-profile", "service", "--owner-profile", "customer")


class Reconcile(aws.Case):
    def setUp(self):
        super().setUp()
        (self.directory / "aws-config").write_text(PROFILES)
        self.server = self.start_aws("--revocation-bound", "2s")
        self.tenant_id = self.tenant(self.server)
        self.admin = self.api_key(self.server, "TenantAdmin", self.tenant_id)[1]
        self.content = self.service_token(self.server, self.tenant_id)

    def restart(self):
        self.server = self.start_aws("--revocation-bound", "2s")

    def run_reconcile(self, fingerprint, *arguments):
        environment = {"AWS_CONFIG_FILE": str(self.directory / "aws-config"), "AWS_EC2_METADATA_DISABLED": "true",
                       "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_ENDPOINT_URL_CLOUDTRAIL": self.emulator.url,
                       "AWS_ENDPOINT_URL_STS": self.emulator.url, "AWS_ENDPOINT_URL_KMS": self.emulator.url,
                       "AWS_REGION": aws.PRIMARY}
        return self.cli("aws", "reconcile", "--keyprovider", fingerprint, *arguments, server=self.server,
                        token=self.admin, environment=environment)

    def reconcile(self, fingerprint, *arguments, status=0):
        done = self.run_reconcile(fingerprint, "--json", *(arguments or BOTH))
        self.assertEqual(done.returncode, status, (done.stdout.decode(), done.stderr.decode()))
        return json.loads(done.stdout)

    def assert_agrees(self, fingerprint):
        found = self.reconcile(fingerprint)
        not_verified = found["notVerified"]
        for name in ("recent", "unread", "unreadableEvents"):
            self.assertEqual(not_verified[name], 0, (name, found))
        self.assertEqual((not_verified["places"], not_verified["accounts"]), ([], []))
        self.assertEqual(len(found["read"]), 4)
        self.assertEqual(found["calls"] - found["agreed"], not_verified["withoutRequestId"] + not_verified["fitting"])
        return found

    def life_of_a_key(self):
        """Registered by its alias, validated, migrated to, renewed, refused, lost in one region, left again."""
        arn, replica = self.emulator.create_key(aws.tenant_policy([self.tenant_id]), True)
        self.emulator.kms("CreateAlias", AliasName="alias/payroll", TargetKeyId=arn.rsplit("/", 1)[1])
        alias = arn.split(":key/")[0] + ":alias/payroll"
        fingerprint = self.adopt(self.server, self.tenant_id, alias)
        value = self.seal(self.server, self.content, b"value")

        self.emulator.fault(kind="black-hole", region=aws.PRIMARY)
        for _ in range(3):
            time.sleep(1)
            self.assert_opens(self.server, self.content, value, b"value")
        self.emulator.mend()

        for region in (aws.PRIMARY, aws.BACKUP):
            self.emulator.kms("PutKeyPolicy", region, KeyId=arn.rsplit("/", 1)[1], PolicyName="default",
                              Policy=aws.tenant_policy([]))
        harness.wait_until(lambda: self.open_value(self.server, self.content, value).status == 403, 15, "the refusal")
        for region in (aws.PRIMARY, aws.BACKUP):
            self.emulator.kms("PutKeyPolicy", region, KeyId=arn.rsplit("/", 1)[1], PolicyName="default",
                              Policy=aws.tenant_policy([self.tenant_id]))
        harness.wait_until(lambda: self.open_value(self.server, self.content, value).status == 200, 60, "the return")

        other, _ = self.emulator.create_key(aws.tenant_policy([self.tenant_id]), True)
        self.adopt(self.server, self.tenant_id, other)
        self.assert_opens(self.server, self.content, value, b"value")
        self.server.terminate()
        self.restart()
        return fingerprint, arn, replica

    def stolen_session(self, region):
        """A KMS client as the service's role, made by a thief."""
        keys = {"aws_access_key_id": aws.SERVICE[0], "aws_secret_access_key": aws.SERVICE[1]}
        sts = boto3.client("sts", region_name=region, endpoint_url=self.emulator.url, **keys)
        made = sts.assume_role(RoleArn=aws.ROLE, RoleSessionName="tenantseal")["Credentials"]
        return boto3.client("kms", region_name=region, endpoint_url=self.emulator.url,
                            aws_access_key_id=made["AccessKeyId"], aws_secret_access_key=made["SecretAccessKey"],
                            aws_session_token=made["SessionToken"])

    @contextlib.contextmanager
    def database(self):
        """The database, with the service stopped."""
        self.server.terminate()
        connection = sqlite3.connect(self.data / "tenantseal.db")
        try:
            yield connection
            connection.commit()
        finally:
            connection.close()
        self.restart()

    def test_agreement_and_every_kind_of_disagreement(self):
        fingerprint, arn, replica = self.life_of_a_key()
        found = self.assert_agrees(fingerprint)
        print(f"agreed: {found['agreed']} of {found['calls']}, {found['notVerified']}", flush=True)
        self.assertGreater(found["agreed"], 20)
        self.assertEqual(found["keyArns"], [arn, replica])
        self.assertGreater(found["notVerified"]["withoutRequestId"], 0, "the black hole's")
        principals = [other["principal"] for other in found["others"]]
        self.assertTrue(all(aws.CUSTOMER_ACCOUNT in principal for principal in principals), principals)
        calls = self.expect(self.server.call(
            "GET", f"/api/v1/encryption/keyproviders/{fingerprint}/kms-calls?limit=1000", token=self.admin), 200)["data"]
        outcomes = {call["outcome"] for call in calls}
        self.assertTrue({"ok", "AccessDeniedException", "timeout"} <= outcomes, outcomes)
        self.assertTrue({arn, replica} <= {call["keyArn"] for call in calls})

        # A thief with the service's credentials decrypts nothing that the service knows of.
        thief = self.stolen_session(aws.BACKUP).generate_data_key(
            KeyId=replica, KeySpec="AES_256", EncryptionContext={"TenantId": self.tenant_id})
        stolen = thief["ResponseMetadata"]["RequestId"]
        with self.assertRaises(botocore.exceptions.ClientError) as denied:
            boto3.client("kms", region_name=aws.PRIMARY, endpoint_url=self.emulator.url,
                         aws_access_key_id=aws.SERVICE[0], aws_secret_access_key=aws.SERVICE[1]).describe_key(KeyId=arn)
        tried = denied.exception.response["ResponseMetadata"]["RequestId"]
        time.sleep(1.5)    # CloudTrail has whole seconds; the log that the stop ends covers them.
        self.server.terminate()
        self.restart()
        found = self.reconcile(fingerprint, status=1)
        self.assertEqual({event["awsRequestId"] for event in found["onlyCloudTrail"]}, {stolen, tried})
        self.assertEqual({event["outcome"] for event in found["onlyCloudTrail"]}, {"ok", "AccessDenied"})
        self.assertEqual((found["onlyTenantseal"], found["differing"]), ([], []))
        text = self.run_reconcile(fingerprint, *BOTH)
        self.assertEqual(text.returncode, 1)
        self.assertRegex(text.stdout.decode(), f"Only CloudTrail:\n(.*\n)*.*{stolen}.*assumed-role/byok")
        self.assertRegex(text.stderr.decode(), r"CloudTrail of account \d{12} in us-east-2: \d+ page")

        # The owner alone sees what succeeded, the service's account alone sees both.
        found = self.reconcile(fingerprint, "--caller-profile", "service", status=1)
        self.assertEqual({event["awsRequestId"] for event in found["onlyCloudTrail"]}, {stolen, tried})
        self.assertIn("--owner-profile", found["notVerified"]["accounts"][0])
        found = self.reconcile(fingerprint, "--owner-profile", "customer", status=1)
        self.assertEqual([event["awsRequestId"] for event in found["onlyCloudTrail"]], [stolen])
        self.assertEqual(len(found["read"]), 2)
        self.assertGreater(found["notVerified"]["unread"] + found["notVerified"]["recent"], 0)

        # Whoever takes a call out of the database, or puts one in, is found out.
        with self.database() as db:
            # A late one, of another operation than what the black hole swallowed, which it might be taken for.
            removed = db.execute("SELECT c.key,c.time,c.log,c.sequence,lower(hex(c.request)) FROM kms_calls c "
                                 "JOIN kms_call_keys a ON a.number=c.key JOIN kms_call_kinds k ON k.number=c.kind "
                                 "WHERE a.arn=? AND k.operation='Encrypt' AND k.outcome='ok' "
                                 "AND typeof(c.request)='blob' ORDER BY c.time DESC LIMIT 1", (arn,)).fetchone()
            db.execute("DELETE FROM kms_calls WHERE key=? AND time=? AND log=? AND sequence=?", removed[:4])
            hour_ago = int((datetime.datetime.now().timestamp() - 3600) * 1000)
            db.execute("INSERT INTO kms_calls SELECT key,?,log,999999,kind,1,'forged-request' FROM kms_calls "
                       "WHERE key=? LIMIT 1", (hour_ago, removed[0]))
        found = self.reconcile(fingerprint, status=1)
        ids = {event["awsRequestId"].replace("-", "") for event in found["onlyCloudTrail"]}
        self.assertEqual(ids, {stolen.replace("-", ""), tried.replace("-", ""), removed[4]}, (removed, found))
        self.assertEqual([call["awsRequestId"] for call in found["onlyTenantseal"]], ["forged-request"])

    def test_what_a_killed_process_could_not_keep_is_no_alarm(self):
        arn, _ = self.emulator.create_key(aws.tenant_policy([self.tenant_id]), True)
        fingerprint = self.adopt(self.server, self.tenant_id, arn)
        path = f"/api/v1/encryption/keyproviders/{fingerprint}"

        def kept():
            page = self.expect(self.server.call("GET", path + "/kms-calls?limit=1000", token=self.admin), 200)
            return len(page["data"])
        before = kept()
        harness.wait_until(lambda: kept() > before, 20, "a flush")
        # Right after a flush, so that what follows is lost.
        self.expect(self.server.call("POST", path + "/actions/test", token=self.admin), 201)
        self.server.kill()
        self.restart()
        found = self.reconcile(fingerprint)
        lost = found["notVerified"]["duringGaps"]
        print(f"lost with the process: {len(lost)}", flush=True)
        self.assertGreater(len(lost), 3, found)
        self.assertIn(lost[0]["gap"]["reason"], ("killed", "not-written"))
        self.assertEqual(lost[0]["event"]["account"], "338144066592")

    def test_every_region_of_the_key_is_read(self):
        further = "us-west-2"
        policy = aws.tenant_policy([self.tenant_id])
        arn, _ = self.emulator.create_key(policy, True)
        key_id = arn.rsplit("/", 1)[1]
        replica = self.emulator.kms("ReplicateKey", KeyId=key_id, ReplicaRegion=further,
                                    Policy=policy)["ReplicaKeyMetadata"]["Arn"]
        harness.wait_until(lambda: self.emulator.kms("DescribeKey", further, KeyId=key_id)["KeyMetadata"]["Enabled"],
                           30, "the further replica")
        fingerprint = self.adopt(self.server, self.tenant_id, arn)
        time.sleep(1.5)    # As below: the log has to cover the whole second.
        thief = self.stolen_session(further).generate_data_key(
            KeyId=replica, KeySpec="AES_256", EncryptionContext={"TenantId": self.tenant_id})
        stolen = thief["ResponseMetadata"]["RequestId"]
        time.sleep(1.5)
        self.server.terminate()
        self.restart()
        # Twice: what the command itself asked of the key is no alarm.
        for _ in range(2):
            found = self.reconcile(fingerprint, status=1)
            self.assertEqual([event["awsRequestId"] for event in found["onlyCloudTrail"]], [stolen], found)
            self.assertEqual((found["keyArns"][2], len(found["read"])), (replica, 6))
            self.assertEqual(found["notVerified"]["replicas"], "")
        text = self.run_reconcile(fingerprint, "--caller-profile", "service")
        self.assertEqual(text.returncode, 0, text.stderr)
        self.assertRegex(text.stdout.decode(), "Not verified:\n(.*\n)*.*further regions is not known: .*--region REGION")
        self.assertRegex(text.stdout.decode(), "alone knows of after .* 15 minutes")
        found = self.reconcile(fingerprint, "--caller-profile", "service", "--region", further, status=1)
        self.assertEqual([event["awsRequestId"] for event in found["onlyCloudTrail"]], [stolen])

    def test_a_throttled_trail_is_read_slowly(self):
        arn, _ = self.emulator.create_key(aws.tenant_policy([self.tenant_id]), True)
        fingerprint = self.adopt(self.server, self.tenant_id, arn)
        for _ in range(6):
            for _ in range(10):
                self.expect(self.server.call("POST", f"/api/v1/encryption/keyproviders/{fingerprint}/actions/test",
                                             token=self.admin), 201)
        self.server.terminate()
        self.restart()
        self.emulator.admin("settings", {"trailThrottle": True})
        found = self.assert_agrees(fingerprint)
        self.assertGreater(found["agreed"], 400)

    def test_recent_calls_may_come_later(self):
        arn, _ = self.emulator.create_key(aws.tenant_policy([self.tenant_id]), True)
        fingerprint = self.adopt(self.server, self.tenant_id, arn)
        self.server.terminate()
        self.restart()
        self.emulator.admin("settings", {"trailDelay": "15m"})
        found = self.reconcile(fingerprint)
        self.assertGreater(found["notVerified"]["recent"], 10)
        self.assertEqual(found["agreed"], 0)
        self.assertIn("15 minutes", self.run_reconcile(fingerprint, *BOTH).stdout.decode())

    def test_refusals(self):
        done = self.run_reconcile("0" * 32, *BOTH)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"Encryption-11", done.stderr)
        done = self.run_reconcile(self.tenant_id, *BOTH)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"internal KMS", done.stderr)
        arn, _ = self.emulator.create_key(aws.tenant_policy([self.tenant_id]), True)
        fingerprint = self.adopt(self.server, self.tenant_id, arn)
        done = self.run_reconcile(fingerprint, "--caller-profile", "no-such")
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn(b"CloudTrail cannot be read", done.stderr)
        self.assertEqual(self.run_reconcile(fingerprint, "--caller-profile", "customer").returncode, 2)
        self.assertEqual(self.run_reconcile(fingerprint, "--owner-profile", "service").returncode, 2)


if __name__ == "__main__":
    harness.main()
