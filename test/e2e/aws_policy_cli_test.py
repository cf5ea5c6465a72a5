"""`tenantseal aws key-policy` and `aws check-policy`: what is printed admits exactly the tenants named,
and the check finds what is missing and what is too much. No server, no AWS."""
import json

import harness

TENANT = "a" * 32
OTHER = "b" * 32
ROLE = "arn:aws:iam::338144066592:role/byok-encryption-proxy-role"
GOV_ROLE = "arn:aws-us-gov:iam::014729015091:role/byok-encryption-proxy-role"
ADMIN = "arn:aws:iam::111122223333:role/KeyAdmin"


class PolicyCommands(harness.Case):
    def key_policy(self, *arguments, **options):
        return json.loads(self.cli_ok("aws", "key-policy", *arguments, **options).stdout)

    def check(self, policy, *arguments, tenant=TENANT):
        return self.cli("aws", "check-policy", "-", "--tenant", tenant, "--principal", ROLE, *arguments,
                        stdin=json.dumps(policy).encode())

    def whole(self, *arguments):
        return self.key_policy("--tenant", TENANT, "--principal", ROLE, "--full", "--account", "111122223333",
                               "--admin-role", ADMIN, *arguments)

    def test_without_principals_it_refuses_and_names_the_flag(self):
        done = self.cli("aws", "key-policy", "--tenant", TENANT)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout, b"")
        self.assertIn(b"--principal", done.stderr)

    def test_the_statements_name_principals_tenants_and_describe_key(self):
        use, describe = self.key_policy("--tenant", TENANT, "--add-tenant", OTHER, "--principal", ROLE)
        self.assertEqual(sorted(use["Action"]), ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"])
        self.assertEqual(use["Condition"], {"StringEquals": {"kms:EncryptionContext:TenantId": [TENANT, OTHER]}})
        self.assertEqual(describe["Action"], "kms:DescribeKey")
        self.assertNotIn("Condition", describe)
        for statement in (use, describe):
            principals = statement["Principal"]["AWS"]
            self.assertEqual(principals if isinstance(principals, list) else [principals], [ROLE])

    def test_principals_come_from_the_environment_too(self):
        for name in ("TENANTSEAL_AWS_POLICY_PRINCIPAL", "TENANTSEAL_AWS_ROLE_ARN"):
            text = json.dumps(self.key_policy("--tenant", TENANT, environment={name: ROLE}))
            self.assertIn(ROLE, text)

    def test_the_partition_of_principals_must_fit(self):
        self.assertIn(GOV_ROLE, json.dumps(self.key_policy("--tenant", TENANT, "--gov", "--principal", GOV_ROLE)))
        done = self.cli("aws", "key-policy", "--tenant", TENANT, "--gov", "--principal", ROLE)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"aws-us-gov", done.stderr)

    def test_a_printed_policy_passes_the_check_and_admits_only_its_tenant(self):
        policy = self.whole()
        self.assertEqual(self.check(policy).returncode, 0)
        foreign = self.check(policy, tenant=OTHER)
        self.assertEqual(foreign.returncode, 1, foreign.stdout)

    def test_what_is_missing_is_mended(self):
        policy = self.whole()
        policy["Statement"] = [s for s in policy["Statement"] if "DescribeKey" not in json.dumps(s)]
        done = self.check(policy, "--json")
        self.assertEqual(done.returncode, 1, done.stdout)
        report = json.loads(done.stdout)
        mended = report["mended"]
        self.assertEqual(self.check(json.loads(mended) if isinstance(mended, str) else mended).returncode, 0)

    def test_what_admits_too_much_is_said(self):
        policy = self.whole()
        for statement in policy["Statement"]:
            statement.pop("Condition", None)
        done = self.check(policy)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(b"another tenant", done.stdout)

    def test_the_principals_of_the_services_file_are_known(self):
        file = self.directory / "service.toml"
        file.write_text(f'listen = "0.0.0.0:8080"\naws-policy-principal = ["{ROLE}"]\n')
        for how in ({"environment": {"TENANTSEAL_CONFIG": str(file)}}, {}):
            arguments = () if how else ("--config", str(file))
            self.assertIn(ROLE, json.dumps(self.key_policy("--tenant", TENANT, *arguments, **how)))

    def test_another_tenant_that_is_listed_or_meant_is_found(self):
        for operator, value in (("StringEquals", [TENANT, OTHER]), ("StringLike", "a" * 30 + "??"),
                                ("StringLike", "?" * 32), ("StringEqualsIfExists", TENANT)):
            policy = self.whole()
            use = next(s for s in policy["Statement"] if "Condition" in s)
            use["Condition"] = {operator: {"kms:EncryptionContext:TenantId": value}}
            self.assertEqual(self.check(policy).returncode, 1, operator)
            if OTHER in value:
                self.assertIn(OTHER.encode(), self.check(policy).stdout)
                self.assertEqual(self.check(policy, "--add-tenant", OTHER).returncode, 0)

    def test_what_only_aws_knows_is_untold_and_kept(self):
        policy = self.whole()
        use = next(s for s in policy["Statement"] if "Condition" in s)
        use["Condition"]["Bool"] = {"kms:MultiRegion": "true"}
        done = self.check(policy)
        self.assertEqual(done.returncode, 5, done.stdout)
        self.assertIn(b"cannot be told offline", done.stdout)
        self.assertNotIn(b"The policy with what is missing", done.stdout)

    def test_bad_input_is_named(self):
        for policy, word in (({"Statement": 5}, b"Statement"),
                             ({"Statement": [{"Effect": "Perhaps", "Principal": "*", "Action": "kms:*",
                                              "Resource": "*"}]}, b"Effect")):
            done = self.check(policy)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(word, done.stderr)
        done = self.cli("aws", "key-policy", "--tenant", "short", "--principal", ROLE)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"tenant", done.stderr)


if __name__ == "__main__":
    harness.main()
