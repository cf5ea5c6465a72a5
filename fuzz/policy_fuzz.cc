// A policy is read or refused; what was read is decided the same way whether reasons are asked or
// not, and a key that is checked against it is mended into a policy that is read again.
#include "aws/key_policy.h"
#include "aws/policy_evaluator.h"
#include "base/bytes.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenantseal;
  const std::string_view text = base::AsText(base::ByteSpan(data, size));
  const std::string role = "arn:aws:iam::111122223333:role/R";
  for (const auto kind :
       {aws::PolicyKind::kKey, aws::PolicyKind::kIdentity, aws::PolicyKind::kTrust}) {
    auto policy = aws::ParsePolicy(text, kind);
    if (!policy.ok()) continue;
    const aws::CompiledPolicy compiled(std::move(*policy));
    aws::AccessRequest request{{"111122223333", role, "", "", ""}, "kms:Encrypt", "*", "", {}};
    request.context["kms:encryptioncontext:tenantid"] = {"t"};
    std::vector<std::string> reasons;
    TS_CHECK(compiled.Evaluate(request, nullptr) == compiled.Evaluate(request, &reasons));
    TS_CHECK(!reasons.empty());
  }
  const auto check = aws::CheckKeyPolicy(text, {{role}, {"t"}}, "", {});
  if (check.ok() && !check->mended.empty() && check->mended.size() <= aws::kKeyPolicyBytesMax) {
    TS_CHECK(aws::ParsePolicy(check->mended, aws::PolicyKind::kKey).ok());
  }
  return 0;
}
