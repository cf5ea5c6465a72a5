"""The set-up of a customer's AWS key, typed with Debian's awscli against the emulator: create a symmetric
multi-region key, alias, replica, and the policy that `tenantseal aws key-policy` prints. Then the service's
role may use the key for exactly this tenant, and what is refused shows in CloudTrail.

The commands are those that a customer types. This awscli (2.9) does not read AWS_ENDPOINT_URL yet, so a shell
function `aws` adds --endpoint-url to each of them, and nothing else.
"""
import json
import subprocess

import aws
import harness

AWSCLI = "/usr/bin/aws"
SEED_ACCOUNT = "338144066592"
TENANT = "setup-tenant-000000000000000000A"
ROLE, OTHER_ROLE = aws.ROLE, f"arn:aws:iam::{SEED_ACCOUNT}:role/other-role"
ADMIN_USER = f"arn:aws:iam::{aws.CUSTOMER_ACCOUNT}:user/admin"
FUNCTION = f'set -euo pipefail\naws() {{ {AWSCLI} --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }}\n'

SET_UP = """
key=$(aws kms create-key --region us-east-1 --multi-region --key-spec SYMMETRIC_DEFAULT \\
    --key-usage ENCRYPT_DECRYPT --description "Tenant encryption" --tags TagKey=team,TagValue=data \\
    --query KeyMetadata.Arn --output text)
aws kms create-alias --region us-east-1 --alias-name alias/CMK-Example-Alias --target-key-id "$key"
aws kms replicate-key --region us-east-1 --key-id "$key" --replica-region us-east-2 > replica.json
aws kms create-alias --region us-east-2 --alias-name alias/CMK-Example-Alias --target-key-id "${key##*/}"
for region in us-east-1 us-east-2; do
  aws kms put-key-policy --region $region --key-id "${key##*/}" --policy-name default --policy file://policy.json
  aws kms describe-key --region $region --key-id alias/CMK-Example-Alias > described.$region.json
  aws kms get-key-policy --region $region --key-id "${key##*/}" --policy-name default \\
      --query Policy --output text > policy.$region.json
done
printf %s "$key"
"""


def seed():
    """The built-in seed's principals, and one more role that may do the same but is in no key policy."""
    def allow(actions, resource="*"):
        return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": resource}]}

    user = f"arn:aws:iam::{SEED_ACCOUNT}:user/tenantseal-service"
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": user}, "Action": "sts:AssumeRole"}]}
    roles = [{"name": role.rsplit("/", 1)[1], "trust": trust, "policies": [allow(["kms:*", "cloudtrail:LookupEvents"])]}
             for role in (ROLE, OTHER_ROLE)]
    return {"accounts": {
        aws.CUSTOMER_ACCOUNT: {"users": [{
            "name": "admin", "accessKeys": [{"id": aws.ADMIN[0], "secret": aws.ADMIN[1]}], "policies": [allow("*")]}]},
        SEED_ACCOUNT: {"roles": roles, "users": [{
            "name": "tenantseal-service", "accessKeys": [{"id": aws.SERVICE[0], "secret": aws.SERVICE[1]}],
            "policies": [allow("sts:AssumeRole")]}]}}}


class SetUp(harness.Case):
    def setUp(self):
        super().setUp()
        (self.directory / "seed.json").write_text(json.dumps(seed()))
        self.emulator = aws.Emulator(self.directory, ["--seed", str(self.directory / "seed.json")])
        self.addCleanup(self.emulator.stop)
        printed = self.cli_ok("aws", "key-policy", "--full", "--tenant", TENANT, "--principal", ROLE,
                              "--account", aws.CUSTOMER_ACCOUNT, "--admin-role", ADMIN_USER).stdout
        (self.directory / "policy.json").write_bytes(printed)
        self.policy = json.loads(printed)

    # --- Debian's awscli ---
    def shell(self, script, credentials):
        key_id, secret, *token = credentials
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.directory), "NO_PROXY": "127.0.0.1",
                       "AWS_ENDPOINT_URL": self.emulator.url, "AWS_ACCESS_KEY_ID": key_id,
                       "AWS_SECRET_ACCESS_KEY": secret, "AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1",
                       "AWS_EC2_METADATA_DISABLED": "true", **({"AWS_SESSION_TOKEN": token[0]} if token else {})}
        return subprocess.run(["bash", "-c", FUNCTION + script], cwd=self.directory, env=environment, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=120)

    def typed(self, script, credentials=aws.ADMIN):
        done = self.shell(script, credentials)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def refused(self, code, script, credentials):
        done = self.shell(script, credentials)
        self.assertNotEqual(done.returncode, 0, f"{script} was allowed")
        self.assertIn(f"An error occurred ({code}) when calling", done.stderr)

    def assume(self, role):
        made = json.loads(self.typed(f"aws sts assume-role --region us-east-1 --role-arn {role} "
                                     "--role-session-name setup", aws.SERVICE))
        return tuple(made["Credentials"][name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"))

    def encrypt(self, key, tenant=TENANT, region="us-east-1"):
        context = f"--encryption-context TenantId={tenant}" if tenant else ""
        return (f"aws kms encrypt --region {region} --key-id {key} {context} --plaintext fileb://plain "
                "--query CiphertextBlob --output text")

    def events(self, credentials, region="us-east-1", name="Encrypt"):
        found = json.loads(self.typed(f"aws cloudtrail lookup-events --region {region} --lookup-attributes "
                                      f"AttributeKey=EventName,AttributeValue={name}", credentials))["Events"]
        return [json.loads(event["CloudTrailEvent"]) for event in found]

    # --- What the set-up must show ---
    def test_the_set_up_runs_as_typed_and_admits_exactly_this_tenant(self):
        (self.directory / "plain").write_bytes(b"secret of the tenant")
        key = self.typed(SET_UP)
        self.assertRegex(key, r"^arn:aws:kms:us-east-1:111122223333:key/mrk-[0-9a-f]{32}$")
        replica = key.replace("us-east-1", "us-east-2")
        for region, arn in (("us-east-1", key), ("us-east-2", replica)):
            described = json.loads((self.directory / f"described.{region}.json").read_text())["KeyMetadata"]
            self.assertEqual((described["Arn"], described["KeyState"]), (arn, "Enabled"))
            self.assertEqual(described["MultiRegionConfiguration"]["PrimaryKey"]["Arn"], key)
            kept = json.loads((self.directory / f"policy.{region}.json").read_text())
            self.assertEqual(kept, self.policy)

        role, other = self.assume(ROLE), self.assume(OTHER_ROLE)
        blob = self.typed(self.encrypt(key), role).strip()
        decrypt = ("base64 -d > blob <<< {}; aws kms decrypt --region {} --ciphertext-blob fileb://blob "
                   "--encryption-context TenantId={} --query Plaintext --output text | base64 -d")
        for region in ("us-east-1", "us-east-2"):
            self.assertEqual(self.typed(decrypt.format(blob, region, TENANT), role), "secret of the tenant")
        alias = f"arn:aws:kms:us-east-2:{aws.CUSTOMER_ACCOUNT}:alias/CMK-Example-Alias"
        self.typed(self.encrypt(alias, region="us-east-2"), role)

        # Neither another tenant, nor no tenant, nor another role.
        self.refused("AccessDeniedException", self.encrypt(key, "another-tenant"), role)
        self.refused("AccessDeniedException", self.encrypt(key, None), role)
        self.refused("AccessDeniedException", decrypt.format(blob, "us-east-1", "another-tenant"), role)
        self.refused("AccessDeniedException", self.encrypt(key), other)
        seen = self.events(role)
        mine = [event for event in seen if event["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] == ROLE]
        self.assertEqual([event.get("errorCode") for event in mine], ["AccessDenied", "AccessDenied", None])
        self.assertEqual(mine[-1]["requestParameters"]["encryptionContext"], {"TenantId": TENANT})
        self.assertEqual([event.get("errorCode") for event in seen if event not in mine], ["AccessDenied"])
        self.assertEqual([event.get("errorCode") for event in self.events(role, name="Decrypt")],
                         ["AccessDenied", None])
        # The customer sees what was done with the key, and not what was denied in another account.
        theirs = self.events(aws.ADMIN)
        self.assertEqual([event["sharedEventID"] for event in theirs], [mine[-1]["sharedEventID"]])
        made = self.events(aws.ADMIN, name="ReplicateKey")
        self.assertEqual(made[0]["responseElements"]["replicaKeyMetadata"]["aWSAccountId"], aws.CUSTOMER_ACCOUNT)
        self.assertEqual(made[0]["responseElements"]["replicaKeyMetadata"]["arn"], replica)

    def test_states_and_regions_are_refused_in_awss_codes_and_recorded(self):
        (self.directory / "plain").write_bytes(b"x")
        key = self.typed(SET_UP)
        replica, role = key.replace("us-east-1", "us-east-2"), self.assume(ROLE)
        self.refused("NotFoundException", self.encrypt(key, region="eu-west-1"), role)
        self.refused("AccessDeniedException",
                     self.encrypt(key.replace("us-east-1", "eu-west-1"), region="eu-west-1"), role)
        self.typed(f"aws kms disable-key --region us-east-1 --key-id {key}")
        self.refused("DisabledException", self.encrypt(key), role)
        self.typed(self.encrypt(replica, region="us-east-2"), role)   # Each of the two has its own state.
        self.typed(f"aws kms schedule-key-deletion --region us-east-2 --key-id {replica} --pending-window-in-days 7")
        self.refused("KMSInvalidStateException", self.encrypt(replica, region="us-east-2"), role)

        for region, codes in (("eu-west-1", ["AccessDenied", "NotFoundException"]),
                              ("us-east-1", ["DisabledException"]),
                              ("us-east-2", ["KMSInvalidStateException", None])):
            self.assertEqual([event.get("errorCode") for event in self.events(role, region)], codes, region)
        for event in self.events(role, "us-east-1"):
            self.assertEqual(event["errorMessage"], f"{key} is disabled.")

        self.typed(f"""aws kms enable-key --region us-east-1 --key-id {key}
            aws kms cancel-key-deletion --region us-east-2 --key-id {replica}
            aws kms enable-key --region us-east-2 --key-id {replica}""")
        for region, arn in (("us-east-1", key), ("us-east-2", replica)):
            self.typed(self.encrypt(arn, region=region), role)


if __name__ == "__main__":
    harness.main()
