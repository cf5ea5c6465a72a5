#include "aws/policy_condition.h"

#include <algorithm>

#include "aws/quote.h"

namespace tenantseal::aws {
namespace {

constexpr std::string_view kKnownKeys[] = {"aws:calledvia",
                                           "aws:calledviafirst",
                                           "aws:calledvialast",
                                           "aws:currenttime",
                                           "aws:epochtime",
                                           "aws:federatedprovider",
                                           "aws:multifactorauthage",
                                           "aws:multifactorauthpresent",
                                           "aws:principalaccount",
                                           "aws:principalarn",
                                           "aws:principalisawsservice",
                                           "aws:principalorgid",
                                           "aws:principalorgpaths",
                                           "aws:principalservicename",
                                           "aws:principalservicenameslist",
                                           "aws:principaltype",
                                           "aws:referer",
                                           "aws:requestedregion",
                                           "aws:resourceaccount",
                                           "aws:resourceorgid",
                                           "aws:resourceorgpaths",
                                           "aws:securetransport",
                                           "aws:sourceaccount",
                                           "aws:sourcearn",
                                           "aws:sourceidentity",
                                           "aws:sourceip",
                                           "aws:sourceorgid",
                                           "aws:sourceorgpaths",
                                           "aws:sourcevpc",
                                           "aws:sourcevpce",
                                           "aws:tagkeys",
                                           "aws:tokenissuetime",
                                           "aws:useragent",
                                           "aws:userid",
                                           "aws:username",
                                           "aws:viaawsservice",
                                           "aws:vpcsourceip",
                                           "kms:bypasspolicylockoutsafetycheck",
                                           "kms:calleraccount",
                                           "kms:customermasterkeyspec",
                                           "kms:customermasterkeyusage",
                                           "kms:datakeypairspec",
                                           "kms:encryptionalgorithm",
                                           "kms:encryptioncontextkeys",
                                           "kms:expirationmodel",
                                           "kms:grantconstrainttype",
                                           "kms:grantisforawsresource",
                                           "kms:grantoperations",
                                           "kms:granteeprincipal",
                                           "kms:keyagreementalgorithm",
                                           "kms:keyorigin",
                                           "kms:keyspec",
                                           "kms:keyusage",
                                           "kms:macalgorithm",
                                           "kms:messagetype",
                                           "kms:multiregion",
                                           "kms:multiregionkeytype",
                                           "kms:primaryregion",
                                           "kms:reencryptonsamekey",
                                           "kms:replicaregion",
                                           "kms:requestalias",
                                           "kms:resourcealiases",
                                           "kms:retiringprincipal",
                                           "kms:rotationperiodindays",
                                           "kms:schedulekeydeletionpendingwindowindays",
                                           "kms:signingalgorithm",
                                           "kms:validto",
                                           "kms:viaservice",
                                           "kms:wrappingalgorithm",
                                           "kms:wrappingkeyspec",
                                           "sts:awsservicename",
                                           "sts:durationseconds",
                                           "sts:externalid",
                                           "sts:rolesessionname",
                                           "sts:sourceidentity",
                                           "sts:taskpolicyarn",
                                           "sts:transitivetagkeys"};

constexpr std::string_view kKnownPrefixes[] = {"kms:encryptioncontext:", "aws:principaltag/",
                                               "aws:resourcetag/", "aws:requesttag/",
                                               "kms:recipientattestation:"};
// Claims of an identity provider: "accounts.google.com:aud".
constexpr std::string_view kKnownSuffixes[] = {":aud", ":sub", ":amr", ":azp", ":oaud", ":email"};

bool IsKnownKey(std::string_view key) {
  return std::ranges::find(kKnownKeys, key) != std::end(kKnownKeys) ||
         std::ranges::any_of(kKnownPrefixes,
                             [&](auto p) { return key.starts_with(p) && key.size() > p.size(); }) ||
         std::ranges::any_of(kKnownSuffixes,
                             [&](auto s) { return key.ends_with(s) && key.contains('.'); });
}

bool IsBool(const std::string& text) {
  const std::string lower = ToLower(text);
  return lower == "true" || lower == "false";
}

std::string QuoteAll(std::span<const std::string> values) {
  std::string out;
  for (const std::string& value : values.first(std::min<std::size_t>(values.size(), 5))) {
    out += (out.empty() ? "" : " or ") + Quote(value);
  }
  return out + (values.size() > 5 ? " or others" : "");
}

}  // namespace

std::span<const std::string> ValuesOf(const AccessRequest& request, std::string_view key) {
  static const std::string kFalse = "false", kAccount = "Account", kUser = "User",
                           kSession = "AssumedRole";
  const PrincipalIdentity& caller = request.principal;
  const auto one = [](const std::string& value) {
    return std::span<const std::string>(&value, value.empty() ? 0 : 1);
  };
  if (key == "aws:principalarn") return one(caller.role_arn.empty() ? caller.arn : caller.role_arn);
  if (key == "aws:principalaccount" || key == "kms:calleraccount") return one(caller.account);
  if (key == "aws:userid") return one(caller.user_id);
  if (key == "aws:username") return one(caller.user_name);
  if (key == "aws:principaltype") {
    return one(caller.root() ? kAccount : caller.role_arn.empty() ? kUser : kSession);
  }
  if (key == "aws:principalisawsservice" || key == "aws:viaawsservice") return one(kFalse);
  const auto found = request.context.find(key);
  if (found == request.context.end()) return {};
  return found->second;
}

CompiledCondition::CompiledCondition(const PolicyCondition& condition, bool allow, bool variables)
    : source_(condition),
      key_(ToLower(condition.key)),
      allow_(allow),
      single_(key_.starts_with("kms:encryptioncontext:")) {
  understood_ =
      CompileOperator(condition.operation, variables) && IsKnownKey(key_) &&
      !(test_ == Test::kNull && (source_.if_exists || source_.set != PolicyCondition::Set::kNone));
}

bool CompiledCondition::CompileOperator(std::string_view name, bool variables) {
  Pattern::Options options{.wildcards = false, .variables = variables};
  const auto take_not = [&](std::string_view family) {
    if (!name.starts_with(family)) return false;
    name.remove_prefix(family.size());
    negated_ = name.starts_with("Not");
    if (negated_) name.remove_prefix(3);
    return true;
  };
  if (name == "BinaryEquals") return CompileValues({.wildcards = false});
  if (name == "Bool" || name == "Null") {
    test_ = name == "Bool" ? Test::kBool : Test::kNull;
    return std::ranges::all_of(source_.values, IsBool) &&
           CompileValues({.wildcards = false, .ignore_case = true});
  }
  if (name == "IpAddress" || name == "NotIpAddress") {
    test_ = Test::kAddress;
    negated_ = name.starts_with("Not");
    return std::ranges::all_of(source_.values, [&](const std::string& value) {
      const auto range = ReadAddress(value);
      if (range) addresses_.push_back(*range);
      return range.has_value();
    });
  }
  if (take_not("String")) {
    options.ignore_case = name == "EqualsIgnoreCase";
    options.wildcards = name == "Like";
    if (name != "Equals" && name != "EqualsIgnoreCase" && name != "Like") return false;
    return CompileValues(options);
  }
  if (take_not("Arn")) {
    options.wildcards = options.arn = true;
    return (name == "Equals" || name == "Like") && CompileValues(options);
  }
  return CompileOrdered(name);
}

bool CompiledCondition::CompileOrdered(std::string_view name) {
  const bool number = name.starts_with("Numeric");
  if (!number && !name.starts_with("Date")) return false;
  test_ = number ? Test::kNumber : Test::kDate;
  name.remove_prefix(number ? 7 : 4);
  if (name == "Equals" || name == "NotEquals") {
    negated_ = name == "NotEquals";
  } else if (name == "LessThan") {
    order_ = Order::kLess;
  } else if (name == "LessThanEquals") {
    order_ = Order::kLessEqual;
  } else if (name == "GreaterThan") {
    order_ = Order::kGreater;
  } else if (name == "GreaterThanEquals") {
    order_ = Order::kGreaterEqual;
  } else {
    return false;
  }
  return std::ranges::all_of(source_.values, [&](const std::string& value) {
    const auto read = Ordered(value);
    if (read) numbers_.push_back(*read);
    return read.has_value();
  });
}

bool CompiledCondition::CompileValues(Pattern::Options options) {
  for (const std::string& value : source_.values) patterns_.emplace_back(value, options);
  return true;
}

// A value that has an order, by the operator's kind.
std::optional<double> CompiledCondition::Ordered(const std::string& text) const {
  return test_ == Test::kNumber ? ReadNumber(text) : ReadDate(text);
}

bool CompiledCondition::InOrder(double left, double right) const {
  switch (order_) {
    case Order::kEqual:
      return left == right;
    case Order::kLess:
      return left < right;
    case Order::kLessEqual:
      return left <= right;
    case Order::kGreater:
      return left > right;
    case Order::kGreaterEqual:
      return left >= right;
  }
  return false;
}

// Whether a value of the request matches one of the policy's, negation left aside.
bool CompiledCondition::MatchesAny(const std::string& value, const VariableLookup& lookup) const {
  switch (test_) {
    case Test::kText:
    case Test::kBool:
      return std::ranges::any_of(patterns_,
                                 [&](const Pattern& p) { return p.Matches(value, lookup); });
    case Test::kNumber:
    case Test::kDate: {
      const auto number = Ordered(value);
      return number && std::ranges::any_of(numbers_, [&](double n) { return InOrder(*number, n); });
    }
    case Test::kAddress: {
      const auto address = ReadAddress(value);
      return address && std::ranges::any_of(addresses_, [&](const AddressRange& range) {
               return range.Contains(*address);
             });
    }
    case Test::kNull:
      return false;
  }
  return false;
}

// Whether a value of the request can be compared at all.
bool CompiledCondition::Readable(const std::string& value) const {
  switch (test_) {
    case Test::kNumber:
    case Test::kDate:
      return Ordered(value).has_value();
    case Test::kAddress:
      return !value.contains('/') && ReadAddress(value).has_value();
    default:
      return true;
  }
}

bool CompiledCondition::Holds(const AccessRequest& request) const {
  if (!understood_) return !allow_;
  const auto values = ValuesOf(request, key_);
  using Set = PolicyCondition::Set;
  if (test_ == Test::kNull) {
    return std::ranges::any_of(patterns_, [&](const Pattern& wanted) {
      return wanted.Matches(values.empty() ? "true" : "false", {});
    });
  }
  if (values.empty()) {
    if (source_.if_exists || source_.set == Set::kForAllValues) return true;
    return source_.set == Set::kNone && negated_;
  }
  const VariableLookup lookup = [&](std::string_view key) -> std::optional<std::string_view> {
    const auto found = ValuesOf(request, key);
    if (found.size() != 1) return std::nullopt;
    return found.front();
  };
  // A variable without value equals nothing. In an Allow this must not satisfy a negated operator.
  if (allow_ && std::ranges::any_of(patterns_, [&](const Pattern& p) {
        return p.has_variables() && !p.Resolves(lookup);
      })) {
    return false;
  }
  // A value that cannot be read equals nothing, and must not satisfy a negated operator thereby.
  if (!std::ranges::all_of(values, [&](const std::string& v) { return Readable(v); })) {
    return !allow_;
  }
  const auto holds = [&](const std::string& v) { return MatchesAny(v, lookup) != negated_; };
  // A key with several values and no set operator, or several where AWS knows but one (keys of the
  // encryption context that differ only in case): the outcome is open, so it fails closed.
  const bool open = source_.set == Set::kNone || (single_ && values.size() > 1);
  const bool any = open ? !allow_ : source_.set == Set::kForAnyValue;
  return any ? std::ranges::any_of(values, holds) : std::ranges::all_of(values, holds);
}

std::string CompiledCondition::Explain(const AccessRequest& request) const {
  const std::string name = "condition " + Quote(source_.text) + " " + Quote(source_.key);
  if (!understood_) return name + " has an operator, a key or a value that is not understood";
  const auto values = ValuesOf(request, key_);
  return name + " wants " + QuoteAll(source_.values) + ", the request has " +
         (values.empty() ? "none" : QuoteAll(values));
}

}  // namespace tenantseal::aws
