"""A tenant's keys lie in two AWS accounts, whose policies ask for different things: it moves from one to the other and
back, and the tags of the service's session count."""
import json

import aws
import harness
import migrations
from migrations import PROVIDERS

OTHER_ACCOUNT = "444455556666"
OTHER_ADMIN = ("AKIAOTHERADMIN000001", "other-admin-secret")
EVERYTHING = [{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}]
SEED = {"accounts": {OTHER_ACCOUNT: {"users": [{
    "name": "admin", "accessKeys": [{"id": OTHER_ADMIN[0], "secret": OTHER_ADMIN[1]}], "policies": EVERYTHING}]}}}


def tagged_policy(tenants):
    """Admits the service in a session with the tag service=tenantseal only."""
    policy = json.loads(aws.tenant_policy(tenants).replace(aws.CUSTOMER_ACCOUNT, OTHER_ACCOUNT))
    policy["Statement"][-1]["Condition"]["StringEquals"]["aws:PrincipalTag/service"] = "tenantseal"
    return json.dumps(policy)


class Accounts(aws.Case):

    def setUp(self):
        super().setUp()
        state, seed = self.directory / "emulator.db", self.directory / "seed.json"
        self.emulator.stop()   # Begun anew, first with what is built in, then with the other account besides.
        aws.Emulator(self.directory, ["--state", state]).stop()
        seed.write_text(json.dumps(SEED))
        self.emulator = aws.Emulator(self.directory, ["--state", state, "--seed", seed])
        self.addCleanup(self.emulator.stop)

    def serve(self, data, **more):
        return self.start(data, environment={**self.environment, **more},
                          arguments=["--aws-backup-region", f"{aws.PRIMARY}="])

    def other_key(self, tenant):
        made = self.emulator.kms("CreateKey", credentials=OTHER_ADMIN, Policy=tagged_policy([tenant.id]))
        return made["KeyMetadata"]["Arn"]

    def register(self, server, tenant, arn):
        return server.call("POST", PROVIDERS, {"keyprovider": "AWS-KMS", "name": "Other", "arn": arn}, token=tenant.admin)

    def test_from_one_account_to_the_other_and_back(self):
        server = self.serve(self.data, TENANTSEAL_AWS_SESSION_TAG="service=tenantseal,stage=test")
        used = migrations.Tenant(self, server)
        first = used.add_key(server, "First", multi_region=False)
        arn = self.other_key(used)
        self.assertIn(f":{OTHER_ACCOUNT}:", arn)
        second = self.expect(self.register(server, used, arn), 201)["arnFingerPrint"]
        used.make_keys(server, 20, managed=True)
        for fingerprint in (first, second, first, second):
            used.seal(server, f"before {fingerprint}".encode())
            used.migrate(server, fingerprint)
            used.wait_for(server, "Completed")
            self.assertEqual(used.current(server), fingerprint)
            used.assert_everything_opens(server)
        self.expect(server.call("POST", f"{PROVIDERS}/actions/reset-to-default-provider", token=used.admin), 205)
        used.wait_for(server, "Completed")
        used.assert_everything_opens(server)

    def test_a_session_without_the_tag_is_not_admitted(self):
        server = self.serve(self.data)
        used = migrations.Tenant(self, server)
        self.expect(self.register(server, used, self.other_key(used)), 403)


if __name__ == "__main__":
    harness.main()
