#include "aws/policy_evaluator.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include "aws/arn.h"
#include "aws/policy_condition.h"
#include "aws/policy_pattern.h"
#include "aws/quote.h"

namespace tenantseal::aws {
namespace {

std::string_view PartitionOf(std::string_view arn) {
  if (!arn.starts_with("arn:")) return {};
  return arn.substr(4, arn.find(':', 4) - 4);
}

// How principals name a caller. A session has three names: account, role and session.
struct Names {
  bool everyone = false, account = false, role = false, self = false;
  bool any() const { return everyone || account || role || self; }
};

// Principals, with what must be known of each name taken out of it once.
struct CompiledPrincipals {
  explicit CompiledPrincipals(const PolicyPrincipals& principals) : source(principals) {
    for (const std::string& text : principals.aws) {
      if (!text.ends_with(":root")) continue;
      if (const auto arn = ParseArn(text)) roots.emplace_back(arn->partition, arn->account);
    }
  }
  PolicyPrincipals source;
  std::vector<std::pair<std::string, std::string>> roots;  // Partition and account.
};

Names NamesOf(const CompiledPrincipals& principals, const PrincipalIdentity& caller) {
  Names out;
  out.everyone = principals.source.everyone;
  const std::string_view id = std::string_view(caller.user_id).substr(0, caller.user_id.find(':'));
  for (const std::string& text : principals.source.aws) {
    if (text == caller.account) {
      out.account = true;
    } else if (text == caller.arn) {
      (caller.root() ? out.account : out.self) = true;
    } else if (!caller.role_arn.empty() && text == caller.role_arn) {
      out.role = true;
    } else if (text.starts_with('A') && text == id) {
      (caller.role_arn.empty() ? out.self : out.role) = true;
    }
  }
  for (const auto& [partition, account] : principals.roots) {
    if (account == caller.account && partition == PartitionOf(caller.arn)) out.account = true;
  }
  out.self = out.self ||
             (!caller.arn.empty() && std::ranges::find(principals.source.federated, caller.arn) !=
                                         principals.source.federated.end());
  return out;
}

bool AnyMatches(const std::vector<Pattern>& patterns, std::string_view text,
                const VariableLookup& lookup) {
  return std::ranges::any_of(patterns, [&](const Pattern& p) { return p.Matches(text, lookup); });
}

}  // namespace

bool PrincipalIdentity::root() const {
  return arn.ends_with(":root") && arn.size() == account.size() + 5 + arn.find(account) &&
         !account.empty();
}

struct CompiledPolicy::Compiled {
  struct Statement {
    std::vector<Pattern> action, not_action, resource, not_resource;
    std::vector<CompiledCondition> conditions;
    std::optional<CompiledPrincipals> principal, not_principal;
  };
  Policy policy;
  std::vector<Statement> statements;
  std::vector<std::string> keys;  // Condition keys that are read, lower case.
  bool variables = false;

  Match Admits(std::size_t i, const AccessRequest& request) const;
  bool NamesResource(std::size_t i, const AccessRequest& request) const;
  std::string Name(std::size_t i) const {
    const std::string& sid = policy.statements[i].sid;
    return "statement " + (sid.empty() ? std::to_string(i + 1) : Quote(sid));
  }
};

bool CompiledPolicy::Reads(std::string_view prefix) const {
  return compiled_->variables || std::ranges::any_of(compiled_->keys, [&](const std::string& key) {
           return key.starts_with(prefix);
         });
}

CompiledPolicy::CompiledPolicy(Policy policy) {
  auto compiled = std::make_shared<Compiled>();
  const bool variables = policy.version == "2012-10-17";
  const auto compile = [](const std::vector<std::string>& texts, Pattern::Options options) {
    std::vector<Pattern> out;
    out.reserve(texts.size());
    for (const std::string& text : texts) out.emplace_back(text, options);
    return out;
  };
  for (const PolicyStatement& s : policy.statements) {
    auto& out = compiled->statements.emplace_back();
    out.action = compile(s.action, {.ignore_case = true});
    out.not_action = compile(s.not_action, {.ignore_case = true});
    out.resource = compile(s.resource, {.variables = variables, .arn = true});
    out.not_resource = compile(s.not_resource, {.variables = variables, .arn = true});
    if (s.principal) out.principal.emplace(*s.principal);
    if (s.not_principal) out.not_principal.emplace(*s.not_principal);
    for (const auto& condition : s.conditions) {
      out.conditions.emplace_back(condition, s.allow, variables);
    }
  }
  for (const PolicyStatement& s : policy.statements) {
    const auto hold = [](const std::vector<std::string>& texts) {
      return std::ranges::any_of(texts, [](const std::string& t) { return t.contains("${"); });
    };
    compiled->variables |= hold(s.resource) || hold(s.not_resource);
    for (const PolicyCondition& condition : s.conditions) {
      compiled->variables |= hold(condition.values);
      std::string& key = compiled->keys.emplace_back(condition.key);
      for (char& c : key) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  compiled->policy = std::move(policy);
  compiled_ = std::move(compiled);
}

const Policy& CompiledPolicy::policy() const { return compiled_->policy; }

// How the statement's principals name the caller; kNone when they do not.
CompiledPolicy::Match CompiledPolicy::Compiled::Admits(std::size_t i,
                                                       const AccessRequest& request) const {
  const Statement& s = statements[i];
  const PrincipalIdentity& caller = request.principal;
  if (s.not_principal) {
    // A Deny spares only a caller whose every name is listed, as IAM documents it for
    // NotPrincipal; an Allow admits only one of whom no name is.
    const Names names = NamesOf(*s.not_principal, caller);
    const bool all = names.everyone || (names.account && (caller.root() || names.self) &&
                                        (caller.role_arn.empty() || names.role));
    return (policy.statements[i].allow ? names.any() : all) ? Match::kNone : Match::kAllow;
  }
  if (!s.principal) return policy.kind == PolicyKind::kIdentity ? Match::kAllow : Match::kNone;
  const Names names = NamesOf(*s.principal, caller);
  if (names.self) return Match::kAllowDirect;
  if (names.everyone || names.role) return Match::kAllow;
  if (!names.account) return Match::kNone;
  return caller.root() ? Match::kAllowDirect : Match::kAllowByAccount;
}

bool CompiledPolicy::Compiled::NamesResource(std::size_t i, const AccessRequest& request) const {
  const Statement& s = statements[i];
  if (policy.kind == PolicyKind::kTrust) return true;
  const VariableLookup lookup = [&](std::string_view key) -> std::optional<std::string_view> {
    const auto found = ValuesOf(request, key);
    if (found.size() != 1) return std::nullopt;
    return found.front();
  };
  if (!s.not_resource.empty()) return !AnyMatches(s.not_resource, request.resource, lookup);
  return AnyMatches(s.resource, request.resource, lookup);
}

CompiledPolicy::Match CompiledPolicy::Evaluate(const AccessRequest& request,
                                               std::vector<std::string>* reasons) const {
  const Compiled& c = *compiled_;
  Match best = Match::kNone;
  std::size_t decided = 0;
  std::vector<std::string> missed;
  const auto miss = [&](std::size_t i, const std::string& why) {
    if (reasons != nullptr) missed.push_back(c.Name(i) + ": " + why);
  };
  for (std::size_t i = 0; i < c.statements.size(); ++i) {
    const auto& s = c.statements[i];
    const bool action = s.not_action.empty() ? AnyMatches(s.action, request.action, {})
                                             : !AnyMatches(s.not_action, request.action, {});
    if (!action) continue;
    const Match match = c.Admits(i, request);
    const bool allow = c.policy.statements[i].allow;
    if (match == Match::kNone) {
      if (allow && reasons != nullptr)
        miss(i, "does not name " + Quote(request.principal.arn, 300));
      continue;
    }
    if (!c.NamesResource(i, request)) {
      if (allow && reasons != nullptr)
        miss(i, "its Resource does not match the key (\"*\" is this key)");
      continue;
    }
    const auto failed = std::ranges::find_if(
        s.conditions, [&](const CompiledCondition& x) { return !x.Holds(request); });
    if (failed != s.conditions.end()) {
      if (allow && reasons != nullptr) miss(i, failed->Explain(request));
      continue;
    }
    const Match says = allow ? match : Match::kDeny;
    if (says > best) {
      best = says;
      decided = i;
    }
  }
  if (reasons == nullptr) return best;
  if (best == Match::kNone) {
    if (missed.empty()) missed.push_back("no statement allows " + request.action);
    reasons->insert(reasons->end(), missed.begin(), missed.end());
  } else {
    reasons->push_back(c.Name(decided) + (best == Match::kDeny ? " denies it"
                                          : best == Match::kAllowByAccount
                                              ? " allows it to the caller's account, which "
                                                "delegates to that account's identity policies"
                                              : " allows it"));
  }
  return best;
}

namespace {

// The value of one key of the encryption context; nothing when there are several that differ
// only in case.
const std::string* ContextValue(const AccessRequest& request, const std::string& key) {
  const auto found = request.context.find("kms:encryptioncontext:" + ToLower(key));
  if (found == request.context.end() || found->second.size() != 1) return nullptr;
  const auto keys = request.context.find("kms:encryptioncontextkeys");
  if (keys == request.context.end()) return nullptr;
  return std::ranges::find(keys->second, key) == keys->second.end() ? nullptr
                                                                    : &found->second.front();
}

bool ContextHolds(const AccessRequest& request, const std::map<std::string, std::string>& wanted) {
  return std::ranges::all_of(wanted, [&](const auto& pair) {
    const std::string* value = ContextValue(request, pair.first);
    return value != nullptr && *value == pair.second;
  });
}

bool GrantAllows(const GrantView& grant, const AccessRequest& request) {
  const PrincipalIdentity& caller = request.principal;
  const bool named =
      grant.grantee == caller.arn || (!caller.role_arn.empty() && grant.grantee == caller.role_arn);
  constexpr std::string_view kService = "kms:";
  if (!named || !request.action.starts_with(kService)) return false;
  const std::string_view operation = std::string_view(request.action).substr(kService.size());
  if (std::ranges::find(grant.operations, operation) == grant.operations.end()) return false;
  const bool with_context = operation.contains("crypt") || operation.starts_with("GenerateDataKey");
  if (!with_context) return true;
  if (grant.constrained_subset && !ContextHolds(request, grant.context_subset)) return false;
  if (!grant.constrained_equals) return true;
  const auto keys = request.context.find("kms:encryptioncontextkeys");
  const std::size_t count = keys == request.context.end() ? 0 : keys->second.size();
  return count == grant.context_equals.size() && ContextHolds(request, grant.context_equals);
}

using Match = CompiledPolicy::Match;
using Lacking = AccessDecision::Lacking;

Match StrongestOf(std::span<const CompiledPolicy* const> policies, const AccessRequest& request,
                  std::vector<std::string>* reasons) {
  Match best = Match::kNone;
  for (const CompiledPolicy* policy : policies) {
    best = std::max(best, policy->Evaluate(request, reasons));
  }
  return best;
}

// What is lacking when nothing denies explicitly.
Lacking Judge(const AccessRequest& request, bool has_resource_policy, Match key, bool granted,
              Match identity, Match session) {
  const bool by_identity = identity >= Match::kAllow, by_session = session >= Match::kAllow;
  const auto with_identity = [&] {
    if (!by_identity) return Lacking::kIdentityPolicy;
    return by_session ? Lacking::kNothing : Lacking::kSessionPolicy;
  };
  if (!has_resource_policy) return request.principal.root() ? Lacking::kNothing : with_identity();
  if (key == Match::kNone && !granted) return Lacking::kResourcePolicy;
  const bool foreign =
      request.key_account.empty() || request.principal.account != request.key_account;
  if (foreign) return request.principal.root() ? Lacking::kNothing : with_identity();
  if (key == Match::kAllowDirect) return Lacking::kNothing;
  if (key == Match::kAllow || granted) {
    return by_session ? Lacking::kNothing : Lacking::kSessionPolicy;
  }
  return with_identity();
}

}  // namespace

AccessDecision Decide(const AccessRequest& request, const CompiledPolicy* key_policy,
                      std::span<const GrantView> grants,
                      std::span<const CompiledPolicy* const> identity_policies,
                      const CompiledPolicy* session_policy, bool explain) {
  AccessDecision out;
  std::vector<std::string> of_key, of_identity, of_session;
  const auto sink = [&](std::vector<std::string>& reasons) { return explain ? &reasons : nullptr; };
  const Match key =
      key_policy == nullptr ? Match::kNone : key_policy->Evaluate(request, sink(of_key));
  const Match identity = StrongestOf(identity_policies, request, sink(of_identity));
  const Match session = session_policy == nullptr
                            ? Match::kAllow
                            : session_policy->Evaluate(request, sink(of_session));
  const bool granted = std::ranges::any_of(
      grants, [&](const GrantView& grant) { return GrantAllows(grant, request); });
  out.explicit_deny = std::max({key, identity, session}) == Match::kDeny;
  if (!out.explicit_deny) {
    out.lacking = Judge(request, key_policy != nullptr, key, granted, identity, session);
    out.allowed = out.lacking == Lacking::kNothing;
  }
  if (!explain) return out;
  for (const std::string& r : of_key) out.reasons.push_back("resource policy: " + r);
  if (granted) out.reasons.emplace_back("a grant allows it");
  for (const std::string& r : of_identity) out.reasons.push_back("identity policy: " + r);
  for (const std::string& r : of_session) out.reasons.push_back("session policy: " + r);
  if (out.lacking == Lacking::kIdentityPolicy && identity_policies.empty()) {
    out.reasons.emplace_back("the caller has no identity policy");
  }
  return out;
}

}  // namespace tenantseal::aws
