#include <algorithm>
#include <set>
#include <utility>

#include "aws/arn.h"
#include "aws/key_policy_parts.h"
#include "aws/policy_evaluator.h"
#include "aws/policy_outlook.h"
#include "aws/policy_pattern.h"
#include "aws/quote.h"

namespace tenantseal::aws {
namespace {

using Texts = std::vector<std::string>;
using Match = CompiledPolicy::Match;
using Answer = KeyPolicyCheck::Answer;

constexpr std::string_view kTenantKey = "kms:encryptioncontext:tenantid";
constexpr std::size_t kTenantChars = 32;  // Of an id that was issued.
constexpr std::size_t kNamedMax = 5;      // Tenants and statements that a line names.

ConditionContext NoContext() { return {}; }
ConditionContext TenantContext(const std::string& id) {
  return {{std::string(kTenantKey), {id}}, {"kms:encryptioncontextkeys", {"TenantId"}}};
}
ConditionContext ForeignContext() {
  return {{"kms:encryptioncontext:other", {"x"}}, {"kms:encryptioncontextkeys", {"Other"}}};
}

// The key whose policy it is: that which it names, if it names one only.
std::string KeyOf(const Policy& policy, const std::string& account) {
  std::set<std::string> named;
  for (const PolicyStatement& statement : policy.statements) {
    for (const std::string& resource : statement.resource) {
      const auto arn = ParseKmsArn(resource);
      if (arn && arn->kind == KmsArn::Kind::kKey) named.insert(resource);
    }
  }
  if (named.size() == 1) return *named.begin();
  return "arn:aws:kms:us-east-1:" + (account.empty() ? "111122223333" : account) +
         ":key/1234abcd-12ab-34cd-56ef-1234567890ab";
}

// A text that the pattern admits, as long as a tenant's id where a star leaves that open.
std::string InstanceOf(const std::string& pattern, char fill) {
  const auto stars = static_cast<std::size_t>(std::ranges::count(pattern, '*'));
  const std::size_t fixed = pattern.size() - stars;
  std::size_t star = fixed < kTenantChars ? kTenantChars - fixed : 1;
  std::string out;
  for (const char c : pattern) {
    if (c == '*') {
      out.append(std::exchange(star, 0), fill);
    } else {
      out += c == '?' ? fill : c;
    }
  }
  return out;
}

std::string SwapCase(std::string text) {
  for (char& c : text) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) c = static_cast<char>(c ^ 0x20);
  }
  return text;
}

// Tenant ids other than `tenants` that the policy may have in mind: those it names, some that its
// patterns admit, and at last one that it does not name, for all others.
Texts OtherTenants(const Policy& policy, const Texts& tenants) {
  std::set<std::string> seen(tenants.begin(), tenants.end());
  Texts out;
  const auto add = [&](const std::string& id) {
    if (seen.insert(id).second) out.push_back(id);
  };
  for (const PolicyStatement& statement : policy.statements) {
    for (const PolicyCondition& condition : statement.conditions) {
      if (ToLower(condition.key) != kTenantKey || condition.operation == "Null") continue;
      for (const std::string& value : condition.values) {
        const bool wild =
            condition.operation.ends_with("Like") && value.find_first_of("*?") != std::string::npos;
        add(wild ? InstanceOf(value, 'x') : value);
        if (wild) add(InstanceOf(value, 'y'));
        if (condition.operation.contains("IgnoreCase")) add(SwapCase(value));
      }
    }
  }
  const auto unnamed = [](std::size_t number) {
    std::string digits = std::to_string(number);
    return "never-issued-" + std::string(19 - digits.size(), '0') + digits;
  };
  std::size_t number = 0;
  while (seen.contains(unnamed(number))) ++number;
  out.push_back(unnamed(number));
  return out;
}

// How the ARN of a role's session begins.
std::string SessionOf(const Arn& role) {
  return "arn:" + role.partition + ":sts::" + role.account + ":assumed-role/" +
         role.resource.substr(role.resource.rfind('/') + 1) + "/";
}

Texts SessionsOf(const Texts& principals) {
  Texts out;
  for (const std::string& principal : principals) out.push_back(SessionOf(*ParseArn(principal)));
  return out;
}

Unknowns AnyCall(Unknowns unknowns) {
  unknowns.call = true;
  return unknowns;
}

Unknowns AnyTenant(Unknowns unknowns) {
  unknowns.tenant = true;
  return unknowns;
}

class Checker {
 public:
  Checker(const Policy& policy, const KeyPolicyParties& parties, std::string_view account,
          base::UtcTime now)
      : policy_(policy),
        parties_(parties),
        account_(account),
        now_(now),
        ours_{.key = KeyOf(policy, account_),
              .key_account = !account_.empty(),
              .sessions = SessionsOf(parties.principals)},
        any_call_(AnyCall(ours_)),
        any_tenant_(AnyTenant(any_call_)),
        others_(OtherTenants(policy, parties.tenants)),
        certain_(AsIf(policy, ours_, Outlook::kLeast)),
        hopeful_(AsIf(policy, ours_, Outlook::kMost)),
        any_call_hopeful_(AsIf(policy, any_call_, Outlook::kMost)),
        any_tenant_hopeful_(AsIf(policy, any_tenant_, Outlook::kMost)) {}

  KeyPolicyCheck Check() {
    for (const std::string& principal : parties_.principals) {
      for (const std::string& tenant : parties_.tenants) {
        const std::string name = parties_.tenants.size() == 1 ? "this tenant" : "tenant " + tenant;
        for (const auto& action : kUseActions) {
          Admit({principal, action, name, Answer::kYes}, TenantContext(tenant), use_);
        }
      }
      for (const auto& action : kUseActions) {
        RefuseOthers({principal, action, "another tenant"});
        RefuseNone({principal, action, "none"});
      }
      Admit({principal, kDescribeAction, "none", Answer::kYes}, NoContext(), describe_);
    }
    return std::move(check_);
  }

  struct Missing {
    bool some = false;    // Something is missing, and no statement denies it.
    bool untold = false;  // Whether something is missing cannot be told: then it is not mended.
    bool mend() const { return some && !untold; }
  };
  const Missing& use() const { return use_; }
  const Missing& describe() const { return describe_; }

 private:
  using Line = KeyPolicyCheck::Line;

  AccessRequest Request(const Line& line, ConditionContext context) const {
    AccessRequest out;
    const Arn arn = *ParseArn(line.principal);
    out.principal.account = arn.account;
    out.principal.arn = line.principal;
    if (arn.resource.starts_with("role/")) {
      out.principal.role_arn = line.principal;
      out.principal.arn = SessionOf(arn) + "tenantseal";
    } else {
      out.principal.user_name = arn.resource.substr(arn.resource.rfind('/') + 1);
    }
    out.action = line.action;
    out.resource = ours_.key;
    out.key_account = account_;
    out.context = std::move(context);
    out.context["aws:currenttime"] = {base::FormatUtcSeconds(now_)};
    out.context["aws:epochtime"] = {
        std::to_string(std::chrono::floor<std::chrono::seconds>(now_).time_since_epoch().count())};
    if (!account_.empty()) out.context["aws:resourceaccount"] = {account_};
    out.context["aws:securetransport"] = {"true"};
    out.context["kms:customermasterkeyspec"] = {"SYMMETRIC_DEFAULT"};
    out.context["kms:customermasterkeyusage"] = {"ENCRYPT_DECRYPT"};
    out.context["kms:keyspec"] = {"SYMMETRIC_DEFAULT"};
    out.context["kms:keyusage"] = {"ENCRYPT_DECRYPT"};
    out.context["kms:keyorigin"] = {"AWS_KMS"};
    if (line.action != kDescribeAction) {
      out.context["kms:encryptionalgorithm"] = {"SYMMETRIC_DEFAULT"};
    }
    return out;
  }

  bool IsOwn(const AccessRequest& request) const {
    return !account_.empty() && request.principal.account == account_;
  }
  bool Admits(const CompiledPolicy& policy, const AccessRequest& request,
              Texts* reasons = nullptr) const {
    const Match match = policy.Evaluate(request, reasons);
    if (match != Match::kAllowByAccount) return match >= Match::kAllow && match != Match::kDeny;
    if (!IsOwn(request)) return true;
    if (reasons != nullptr) {
      reasons->emplace_back("identity policies are not seen here, so that does not count");
    }
    return false;
  }

  // What the answer depends on, a statement at a time.
  Texts WhyUntold(const AccessRequest& request, const Unknowns& unknowns) const {
    Texts out;
    for (std::size_t i = 0; i < policy_.statements.size() && out.size() < kNamedMax; ++i) {
      const PolicyStatement& statement = policy_.statements[i];
      const Texts parts = OpenParts(policy_, statement, unknowns);
      if (parts.empty()) continue;
      const Policy alone{policy_.kind, policy_.version, "", {statement}};
      const CompiledPolicy applying(AsIf(alone, unknowns, Outlook::kApplies));
      if (applying.Evaluate(request, nullptr) == Match::kNone) continue;
      std::string text = "cannot be told offline: statement " +
                         (statement.sid.empty() ? std::to_string(i + 1) : Quote(statement.sid)) +
                         (statement.allow ? " allows" : " denies") + " it depending on ";
      for (std::size_t part = 0; part < std::min(parts.size(), kNamedMax); ++part) {
        text += (part == 0 ? "" : " and ") + parts[part];
      }
      out.push_back(std::move(text));
    }
    return out;
  }

  void Untold(Line& line, const AccessRequest& request, const Unknowns& unknowns) const {
    line.allowed = Answer::kUntold;
    line.reasons = WhyUntold(request, unknowns);
  }

  void Admit(Line line, ConditionContext context, Missing& missing) {
    const AccessRequest request = Request(line, std::move(context));
    Texts refused;
    if (Admits(certain_, request, &line.reasons)) {
      line.allowed = Answer::kYes;
    } else if (Admits(hopeful_, request, &refused)) {
      Untold(line, request, ours_);
      missing.untold = true;
    } else {
      line.reasons = std::move(refused);
      missing.some |= hopeful_.Evaluate(request, nullptr) != Match::kDeny;
    }
    check_.lines.push_back(std::move(line));
  }

  void RefuseOthers(Line line) {
    std::string named;
    for (std::size_t i = 0, count = 0; i < others_.size() && count <= kNamedMax; ++i) {
      const AccessRequest request = Request(line, TenantContext(others_[i]));
      if (!Admits(certain_, request)) continue;
      if (count == 0) certain_.Evaluate(request, &line.reasons);
      named += count == kNamedMax ? " and others" : (count == 0 ? "" : ", ") + Quote(others_[i]);
      ++count;
    }
    if (named.empty()) {
      SuspectOthers(line);
    } else {
      line.allowed = Answer::kYes;
      line.reasons.push_back("it admits tenant " + named);
    }
    check_.lines.push_back(std::move(line));
  }

  // None is admitted for certain: is any perhaps?
  void SuspectOthers(Line& line) const {
    for (const std::string& id : others_) {
      const bool named = &id != &others_.back();
      const AccessRequest request = Request(line, TenantContext(id));
      if (!Admits(named ? any_call_hopeful_ : any_tenant_hopeful_, request)) continue;
      return Untold(line, request, named ? any_call_ : any_tenant_);
    }
    any_tenant_hopeful_.Evaluate(Request(line, TenantContext(others_.back())), &line.reasons);
  }

  void RefuseNone(Line line) {
    const AccessRequest requests[] = {Request(line, NoContext()), Request(line, ForeignContext())};
    for (const AccessRequest& request : requests) {
      line.reasons.clear();
      if (!Admits(certain_, request, &line.reasons)) continue;
      line.allowed = Answer::kYes;
      break;
    }
    for (const AccessRequest& request : requests) {
      if (line.allowed != Answer::kNo || !Admits(any_call_hopeful_, request)) continue;
      Untold(line, request, any_call_);
    }
    check_.lines.push_back(std::move(line));
  }

  const Policy& policy_;
  const KeyPolicyParties& parties_;
  std::string account_;
  base::UtcTime now_;
  Unknowns ours_, any_call_, any_tenant_;
  Texts others_;  // The last one stands for all that the policy does not name.
  CompiledPolicy certain_, hopeful_, any_call_hopeful_, any_tenant_hopeful_;
  KeyPolicyCheck check_;
  Missing use_, describe_;
};

}  // namespace

bool KeyPolicyCheck::ok() const {
  return std::ranges::all_of(lines, [](const Line& line) { return line.ok(); });
}

bool KeyPolicyCheck::wrong() const {
  return std::ranges::any_of(lines, [](const Line& line) { return line.wrong(); });
}

Result<KeyPolicyCheck> CheckKeyPolicy(std::string_view policy_json, const KeyPolicyParties& parties,
                                      std::string_view key_account, base::UtcTime now) {
  TS_RETURN_IF_ERROR(CheckKeyPolicyParties(parties));
  if (!key_account.empty() && !IsAccountId(key_account)) {
    return InvalidArgument("account",
                           Quote(key_account) + " is not an account id of twelve digits.");
  }
  TS_ASSIGN_OR_RETURN(const Policy policy, ParsePolicy(policy_json, PolicyKind::kKey));
  Checker checker(policy, parties, key_account, now);
  KeyPolicyCheck out = checker.Check();
  const bool use = checker.use().mend(), describe = checker.describe().mend();
  if (use || describe) {
    TS_ASSIGN_OR_RETURN(out.mended, MendedKeyPolicy(policy_json, parties, use, describe));
  }
  return out;
}

}  // namespace tenantseal::aws
