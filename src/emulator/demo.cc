#include "emulator/demo.h"

namespace tenantseal::emulator {
namespace {

constexpr const char* kKeyId = "mrk-1234abcd12ab34cd56ef1234567890ab";
constexpr const char* kTenant = "demo-tenant-0000000000000000000A";

std::string DemoPolicy() {
  return std::string(R"({
  "Version": "2012-10-17",
  "Id": "KeyPolicyForTenantseal",
  "Statement": [
    {
      "Sid": "Enable IAM policies for administrators",
      "Effect": "Allow",
      "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
      "Action": "kms:*",
      "Resource": "*"
    },
    {
      "Sid": "Enable Tenantseal for one tenant",
      "Effect": "Allow",
      "Principal": {"AWS": "arn:aws:iam::338144066592:role/byok-encryption-proxy-role"},
      "Action": ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"],
      "Resource": "*",
      "Condition": {"StringEquals": {"kms:EncryptionContext:TenantId": ")") +
         kTenant + R"("}}
    },
    {
      "Sid": "Enable Tenantseal to describe the key",
      "Effect": "Allow",
      "Principal": {"AWS": "arn:aws:iam::338144066592:role/byok-encryption-proxy-role"},
      "Action": "kms:DescribeKey",
      "Resource": "*"
    }
  ]
})";
}

void Replace(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size())
    text.replace(at, from.size(), to);
}

}  // namespace

Result<void> AddDemoKey(World& world) {
  KeySeed key;
  key.account = "111122223333";
  key.region = "us-east-1";
  key.id = kKeyId;
  key.policy = DemoPolicy();
  key.description = "The demonstration's multi-region key";
  key.multi_region = true;
  key.replica_regions = {"us-east-2"};
  key.aliases = {"alias/tenantseal-demo"};
  TS_RETURN_IF_ERROR(world.AddKey(std::move(key)));
  return {};
}

std::string DemoText(const std::string& url) {
  std::string text = R"(A customer's account 111122223333 is ready, with

  key      arn:aws:kms:us-east-1:111122223333:key/{key}
  replica  arn:aws:kms:us-east-2:111122223333:key/{key}
  alias    alias/tenantseal-demo, in both regions
  policy   admits arn:aws:iam::338144066592:role/byok-encryption-proxy-role
           with the encryption context TenantId={tenant}, and nothing else

As the customer's administrator:

  export AWS_ENDPOINT_URL={url} AWS_DEFAULT_REGION=us-east-1
  export AWS_ACCESS_KEY_ID=AKIACUSTOMERADMIN001 AWS_SECRET_ACCESS_KEY=customer-admin-secret
  aws --endpoint-url {url} kms describe-key --key-id alias/tenantseal-demo
  aws --endpoint-url {url} kms get-key-policy --key-id {key} --policy-name default --output text
  aws --endpoint-url {url} kms disable-key --key-id {key}     # revokes; enable-key gives it back
  aws --endpoint-url {url} cloudtrail lookup-events \
    --lookup-attributes AttributeKey=EventSource,AttributeValue=kms.amazonaws.com

As the service, which assumes its role first:

  AWS_ACCESS_KEY_ID=AKIATENANTSEALSVC001 AWS_SECRET_ACCESS_KEY=tenantseal-service-secret \
    aws --endpoint-url {url} sts assume-role --role-session-name demo \
    --role-arn arn:aws:iam::338144066592:role/byok-encryption-proxy-role

  AWS_ENDPOINT_URL={url} AWS_ACCESS_KEY_ID=AKIATENANTSEALSVC001 \
    AWS_SECRET_ACCESS_KEY=tenantseal-service-secret \
    tenantseal serve --data-dir demo-data --listen 127.0.0.1:8080 \
    --aws-role-arn arn:aws:iam::338144066592:role/byok-encryption-proxy-role

In a browser: {url}/_emulator/ shows the keys, and changes their policies.

What fails on command:

  curl -X POST {url}/_emulator/faults -d '{"kind":"region-down","region":"us-east-1"}'
  curl -X POST {url}/_emulator/faults -d '{"clear":true}'
  curl -X POST {url}/_emulator/clock -d '{"advance":"7d"}'
)";
  Replace(text, "{url}", url);
  Replace(text, "{key}", kKeyId);
  Replace(text, "{tenant}", kTenant);
  return text;
}

}  // namespace tenantseal::emulator
