#include "emulator/seed.h"

namespace tenantseal::emulator {

std::string_view DefaultSeedJson() {
  return R"({
  "accounts": {
    "111122223333": {
      "users": [{
        "name": "admin",
        "accessKeys": [{"id": "AKIACUSTOMERADMIN001", "secret": "customer-admin-secret"}],
        "policies": [{
          "Version": "2012-10-17",
          "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
        }]
      }]
    },
    "338144066592": {
      "users": [{
        "name": "tenantseal-service",
        "accessKeys": [{"id": "AKIATENANTSEALSVC001", "secret": "tenantseal-service-secret"}],
        "policies": [{
          "Version": "2012-10-17",
          "Statement": [{
            "Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Resource": "arn:aws:iam::338144066592:role/byok-encryption-proxy-role"
          }]
        }]
      }],
      "roles": [{
        "name": "byok-encryption-proxy-role",
        "maxSessionSeconds": 43200,
        "trust": {
          "Version": "2012-10-17",
          "Statement": [{
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::338144066592:user/tenantseal-service"},
            "Action": ["sts:AssumeRole", "sts:TagSession"]
          }]
        },
        "policies": [{
          "Version": "2012-10-17",
          "Statement": [
            {
              "Effect": "Allow",
              "Action": ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*",
                         "kms:DescribeKey"],
              "Resource": "*"
            },
            {"Effect": "Allow", "Action": "cloudtrail:LookupEvents", "Resource": "*"}
          ]
        }]
      }]
    }
  }
})";
}

}  // namespace tenantseal::emulator
