"""Debian's boto3 drives the emulator: cryptography, data keys, re-encryption, grants, rotation, multi-region
keys, lists in pages, and the trail. What botocore's own models and parsers take is the wire format of AWS.
"""
import base64
import os

import boto3
import botocore.config
from botocore.exceptions import ClientError

import aws
import harness

TENANT = {"TenantId": "boto3-tenant-000000000000000000A"}
OTHER = {"TenantId": "boto3-tenant-000000000000000000B"}


class Boto3(harness.Case):
    def setUp(self):
        super().setUp()
        self.emulator = aws.Emulator(self.directory)
        self.addCleanup(self.emulator.stop)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            os.environ[name] = str(self.directory / "none")
        self.kms = self.client("kms")
        self.role_keys = self.assume()
        self.service = self.client("kms", self.role_keys)

    def client(self, service, credentials=aws.ADMIN, region=aws.PRIMARY):
        key_id, secret, *token = credentials
        config = botocore.config.Config(retries={"total_max_attempts": 1}, proxies={}, read_timeout=30)
        client = boto3.client(service, region_name=region, endpoint_url=self.emulator.url, config=config,
                              aws_access_key_id=key_id, aws_secret_access_key=secret,
                              aws_session_token=token[0] if token else None)
        self.addCleanup(client.close)
        return client

    def assume(self):
        made = self.client("sts", aws.SERVICE).assume_role(RoleArn=aws.ROLE, RoleSessionName="boto3")["Credentials"]
        return made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"]

    def key(self, **more):
        return self.kms.create_key(**more)["KeyMetadata"]["Arn"]

    def tenant_key(self, **more):
        return self.key(Policy=aws.tenant_policy([TENANT["TenantId"]]), **more)

    def refused(self, code, call, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        self.assertEqual(caught.exception.response["Error"]["Code"], code, caught.exception)
        self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], 400)
        return caught.exception.response["Error"]["Message"]

    def test_encrypts_and_decrypts_under_the_tenants_context_only(self):
        key = self.tenant_key()
        sealed = self.service.encrypt(KeyId=key, Plaintext=b"secret", EncryptionContext=TENANT)
        self.assertEqual((sealed["KeyId"], sealed["EncryptionAlgorithm"]), (key, "SYMMETRIC_DEFAULT"))
        blob = sealed["CiphertextBlob"]
        opened = self.service.decrypt(CiphertextBlob=blob, KeyId=key, EncryptionContext=TENANT)
        self.assertEqual(opened["Plaintext"], b"secret")
        self.refused("AccessDeniedException", self.service.decrypt, CiphertextBlob=blob, EncryptionContext=OTHER)
        self.refused("InvalidCiphertextException", self.kms.decrypt, CiphertextBlob=blob, EncryptionContext=OTHER)
        self.refused("InvalidCiphertextException", self.kms.decrypt, CiphertextBlob=blob[:-1] + bytes([blob[-1] ^ 1]),
                     EncryptionContext=TENANT)
        self.refused("IncorrectKeyException", self.kms.decrypt, CiphertextBlob=blob, KeyId=self.key(),
                     EncryptionContext=TENANT)
        self.assertEqual(self.refused("KMSInvalidStateException", self.kms.encrypt, Plaintext=b"x", KeyId=(
            self.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)["KeyId"])), f"{key} is pending deletion.")

    def test_generates_data_keys(self):
        key = self.tenant_key()
        made = self.service.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=TENANT)
        self.assertEqual(len(made["Plaintext"]), 32)
        opened = self.service.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=TENANT)
        self.assertEqual(opened["Plaintext"], made["Plaintext"])
        self.assertEqual(len(self.kms.generate_data_key(KeyId=key, NumberOfBytes=64)["Plaintext"]), 64)
        self.assertNotIn("Plaintext", self.kms.generate_data_key_without_plaintext(KeyId=key, KeySpec="AES_128"))
        self.refused("ValidationException", self.kms.generate_data_key, KeyId=key, KeySpec="AES_256", NumberOfBytes=16)
        self.refused("AccessDeniedException", self.service.generate_data_key, KeyId=key, KeySpec="AES_256")
        self.assertEqual(len(self.kms.generate_random(NumberOfBytes=24)["Plaintext"]), 24)
        self.assertEqual(self.refused("ValidationException", self.kms.generate_random, NumberOfBytes=1024 + 1).count(
            "Value '1025' at 'numberOfBytes'"), 1)

    def test_re_encrypts_from_key_and_context_to_key_and_context(self):
        first, second = self.key(), self.key()
        blob = self.kms.encrypt(KeyId=first, Plaintext=b"moves", EncryptionContext=TENANT)["CiphertextBlob"]
        moved = self.kms.re_encrypt(CiphertextBlob=blob, SourceEncryptionContext=TENANT, DestinationKeyId=second,
                                    DestinationEncryptionContext=OTHER)
        self.assertEqual((moved["SourceKeyId"], moved["KeyId"]), (first, second))
        opened = self.kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], KeyId=second, EncryptionContext=OTHER)
        self.assertEqual(opened["Plaintext"], b"moves")
        self.refused("InvalidCiphertextException", self.kms.re_encrypt, CiphertextBlob=blob,
                     SourceEncryptionContext=OTHER, DestinationKeyId=second)

    def test_grants_admit_under_their_constraint_until_they_are_retired(self):
        key = self.key()
        self.refused("AccessDeniedException", self.service.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext=TENANT)
        made = self.kms.create_grant(KeyId=key, GranteePrincipal=aws.ROLE, RetiringPrincipal=aws.ROLE, Name="tenant",
                                     Operations=["Encrypt", "Decrypt"], Constraints={"EncryptionContextSubset": TENANT})
        blob = self.service.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={**TENANT, "more": "1"},
                                    GrantTokens=[made["GrantToken"]])["CiphertextBlob"]
        self.refused("AccessDeniedException", self.service.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext=OTHER)
        listed, = self.kms.list_grants(KeyId=key)["Grants"]
        self.assertEqual((listed["GrantId"], listed["GranteePrincipal"], listed["Constraints"]),
                         (made["GrantId"], aws.ROLE, {"EncryptionContextSubset": TENANT}))
        self.service.retire_grant(GrantToken=made["GrantToken"])
        self.refused("AccessDeniedException", self.service.decrypt, CiphertextBlob=blob,
                     EncryptionContext={**TENANT, "more": "1"})
        again = self.kms.create_grant(KeyId=key, GranteePrincipal=aws.ROLE, Operations=["Encrypt"],
                                      Constraints={"EncryptionContextEquals": TENANT})
        self.service.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=TENANT)
        self.refused("AccessDeniedException", self.service.encrypt, KeyId=key, Plaintext=b"x",
                     EncryptionContext={**TENANT, "more": "1"})
        self.kms.revoke_grant(KeyId=key, GrantId=again["GrantId"])
        self.refused("AccessDeniedException", self.service.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext=TENANT)
        self.refused("NotFoundException", self.kms.revoke_grant, KeyId=key, GrantId=again["GrantId"])

    def test_rotation_is_shared_by_related_keys_and_old_ciphertexts_open(self):
        key = self.key(MultiRegion=True)
        replica = self.kms.replicate_key(KeyId=key, ReplicaRegion=aws.BACKUP)["ReplicaKeyMetadata"]["Arn"]
        backup = self.client("kms", region=aws.BACKUP)
        blob = self.kms.encrypt(KeyId=key, Plaintext=b"old")["CiphertextBlob"]
        self.kms.enable_key_rotation(KeyId=key)
        self.assertTrue(backup.get_key_rotation_status(KeyId=replica)["KeyRotationEnabled"])
        self.refused("UnsupportedOperationException", backup.enable_key_rotation, KeyId=replica)
        self.emulator.admin("clock", {"advance": "366d"})
        fresh = self.kms.encrypt(KeyId=key, Plaintext=b"new")["CiphertextBlob"]
        self.assertEqual([backup.decrypt(CiphertextBlob=one)["Plaintext"] for one in (blob, fresh)], [b"old", b"new"])
        # This botocore does not know ListKeyRotations yet.
        rotations = self.emulator.kms("ListKeyRotations", KeyId=key)["Rotations"]
        self.assertEqual([one["RotationType"] for one in rotations], ["AUTOMATIC"])
        self.kms.disable_key_rotation(KeyId=key)
        self.assertFalse(self.kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"])
        self.kms.update_primary_region(KeyId=key, PrimaryRegion=aws.BACKUP)
        harness.wait_until(lambda: backup.describe_key(KeyId=replica)["KeyMetadata"]["Enabled"])
        moved = backup.describe_key(KeyId=replica)["KeyMetadata"]["MultiRegionConfiguration"]
        self.assertEqual((moved["MultiRegionKeyType"], moved["PrimaryKey"]["Arn"]), ("PRIMARY", replica))

    def test_paginators_see_everything_once(self):
        keys = {self.key() for _ in range(7)}

        def pages(operation, member, size, **arguments):
            paginator = self.kms.get_paginator(operation).paginate(PaginationConfig={"PageSize": size}, **arguments)
            return [[item for item in page[member]] for page in paginator]

        listed = pages("list_keys", "Keys", 3)
        self.assertEqual([len(page) for page in listed], [3, 3, 1])
        self.assertEqual({one["KeyArn"] for page in listed for one in page}, keys)
        key = min(keys)
        names = {f"alias/page-{i}" for i in range(5)}
        for name in names:
            self.kms.create_alias(AliasName=name, TargetKeyId=key)
        listed = [one["AliasName"] for page in pages("list_aliases", "Aliases", 2, KeyId=key) for one in page]
        self.assertEqual(sorted(listed), sorted(names))
        grants = {self.kms.create_grant(KeyId=key, GranteePrincipal=aws.ROLE, Operations=["Encrypt"],
                                        RetiringPrincipal=f"arn:aws:iam::{aws.CUSTOMER_ACCOUNT}:user/admin")["GrantId"]
                  for _ in range(5)}
        listed = pages("list_grants", "Grants", 2, KeyId=key)
        self.assertEqual([len(page) for page in listed], [2, 2, 1])
        self.assertEqual({one["GrantId"] for page in listed for one in page}, grants)
        retirable = self.kms.list_retirable_grants(
            RetiringPrincipal=f"arn:aws:iam::{aws.CUSTOMER_ACCOUNT}:user/admin", Limit=4)
        self.assertTrue(retirable["Truncated"])
        self.assertEqual([one for page in pages("list_key_policies", "PolicyNames", 1, KeyId=key) for one in page],
                         ["default"])
        self.refused("InvalidMarkerException", self.kms.list_keys, Marker="?")

    def test_the_trail_is_read_in_pages(self):
        key = self.tenant_key()
        for _ in range(7):
            self.service.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=TENANT)
        trail = self.client("cloudtrail", self.role_keys)
        pages = list(trail.get_paginator("lookup_events").paginate(
            LookupAttributes=[{"AttributeKey": "ResourceName", "AttributeValue": key}], PaginationConfig={"PageSize": 3}))
        self.assertEqual([len(page["Events"]) for page in pages], [3, 3, 1])
        events = [event for page in pages for event in page["Events"]]
        self.assertEqual(len({event["EventId"] for event in events}), 7)
        self.assertEqual({(event["EventName"], event["ReadOnly"]) for event in events}, {("Encrypt", "true")})
        self.assertNotIn(base64.b64encode(b"x").decode() + '"', "".join(event["CloudTrailEvent"] for event in events))


if __name__ == "__main__":
    harness.main()
