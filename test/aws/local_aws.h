// For tests of the client of AWS KMS: the emulator in this process, reached over HTTP, with one
// multi-region key in a customer's account that admits the service's user for some tenants.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "aws/credentials.h"
#include "emulator/emulator.h"
#include "kms/aws/aws_kms.h"
#include "net/http_client.h"

namespace tenantseal {

inline const std::string kEast = "us-east-1";
inline const std::string kBackup = "us-east-2";
inline const std::string kMrk = "key/mrk-" + std::string(32, 'a');
inline const std::string kPrimary = "arn:aws:kms:us-east-1:111122223333:" + kMrk;
inline const std::string kReplica = "arn:aws:kms:us-east-2:111122223333:" + kMrk;

// Thread-safe, but for Start.
class LocalAws {
 public:
  LocalAws();
  ~LocalAws();
  LocalAws(const LocalAws&) = delete;

  // Starts the emulator with the key, open to these tenants. False when it does not start.
  bool Start(const std::vector<model::TenantId>& tenants);
  kms::AwsKmsOptions options() const;

  // What fails from now on, as docs/emulator.md has it: {"kind":"throttle"}. False when refused.
  bool AddFault(const std::string& json) const { return Admin("faults", json); }
  bool ClearFaults() const { return Admin("faults", R"({"clear":true})"); }
  // As the customer's administrator: puts the policy on the key and on its replica.
  bool Admit(const std::vector<model::TenantId>& tenants) const;
  // Any other operation of KMS as that administrator. False when it is refused.
  bool AsCustomer(const std::string& region, const std::string& operation,
                  const std::string& body) const;

  const base::SystemClock clock;
  const base::SystemRandom random;
  const std::unique_ptr<net::HttpClient> http = net::NewHttpClient({.kept_handles_max = 64});
  aws::StaticCredentials credentials{"AKIATENANTSEALSVC001", "tenantseal-service-secret"};

 private:
  bool Admin(const std::string& what, const std::string& json) const;

  std::string directory_;
  emulator::Emulator emulator_{clock, random};
};

}  // namespace tenantseal
