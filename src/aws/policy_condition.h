// One condition of a policy's statement, compiled.
// Rules: AWS IAM User Guide, "IAM JSON policy elements: Condition operators".
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "aws/condition_value.h"
#include "aws/policy_evaluator.h"
#include "aws/policy_pattern.h"

namespace tenantseal::aws {

// The request's value or values of a condition key, the caller's own included. Empty: absent.
// `key` is lower case. The result lives as long as the request.
std::span<const std::string> ValuesOf(const AccessRequest& request, std::string_view key);

// Immutable.
class CompiledCondition {
 public:
  CompiledCondition(const PolicyCondition& condition, bool allow, bool variables);
  // Whether operator, key and values are known.
  bool understood() const { return understood_; }
  // Fails closed when operator, key or a value is not understood: false in an Allow, true in a
  // Deny.
  bool Holds(const AccessRequest& request) const;
  // "condition StringEquals kms:EncryptionContext:TenantId wants 'a', the request has 'b'".
  std::string Explain(const AccessRequest& request) const;

 private:
  enum class Test : std::uint8_t { kText, kBool, kNull, kNumber, kDate, kAddress };
  enum class Order : std::uint8_t { kEqual, kLess, kLessEqual, kGreater, kGreaterEqual };
  bool CompileOperator(std::string_view operation, bool variables);
  bool CompileOrdered(std::string_view operation);
  bool CompileValues(Pattern::Options options);
  bool MatchesAny(const std::string& value, const VariableLookup& lookup) const;
  bool Readable(const std::string& value) const;
  bool InOrder(double left, double right) const;
  std::optional<double> Ordered(const std::string& text) const;

  PolicyCondition source_;
  std::string key_;  // Lower case.
  bool allow_;
  bool single_;  // AWS defines the key as single-valued.
  bool negated_ = false;
  bool understood_ = false;
  Test test_ = Test::kText;
  Order order_ = Order::kEqual;
  std::vector<Pattern> patterns_;
  std::vector<double> numbers_;
  std::vector<AddressRange> addresses_;
};

}  // namespace tenantseal::aws
