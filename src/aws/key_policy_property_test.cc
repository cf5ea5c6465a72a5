// Whatever policy the check passes: does it admit the tenant and no other by another judge's
// reading, who tries every id there is?
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <optional>
#include <string>
#include <vector>

#include "aws/key_policy.h"

namespace tenantseal::aws::exactly_test {
namespace {

constexpr const char* kRole = "arn:aws:iam::338144066592:role/proxy";

struct Condition {
  std::string operation;  // Of TenantId.
  std::vector<std::string> values;
};
struct Statement {
  bool allow = true;
  std::vector<Condition> conditions;
};

// Ids of up to three letters: all that there are.
std::vector<std::string> AllIds() {
  std::vector<std::string> out{""};
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (out[i].size() == 3) continue;
    for (const char* letter : {"a", "b", "A"}) out.push_back(out[i] + letter);
  }
  out.erase(out.begin());
  return out;
}

bool Like(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*') {
    return Like(pattern.substr(1), text) || (!text.empty() && Like(pattern, text.substr(1)));
  }
  if (text.empty() || (pattern[0] != '?' && pattern[0] != text[0])) return false;
  return Like(pattern.substr(1), text.substr(1));
}

bool Holds(const Condition& condition, const std::optional<std::string>& id) {
  std::string name = condition.operation;
  if (!id && name.ends_with("IfExists")) return true;
  name = name.substr(0, name.find("IfExists"));
  const bool negated = name.starts_with("StringNot");
  if (!id) return negated;
  bool any = false;
  for (const std::string& value : condition.values) {
    any = any || (name.ends_with("Like") ? Like(value, *id) : value == *id);
  }
  return any != negated;
}

bool Admits(const std::vector<Statement>& policy, const std::optional<std::string>& id) {
  bool allowed = false;
  for (const Statement& statement : policy) {
    bool holds = true;
    for (const Condition& condition : statement.conditions) holds = holds && Holds(condition, id);
    if (holds && !statement.allow) return false;
    allowed = allowed || holds;
  }
  return allowed;
}

bool AdmitsExactly(const std::vector<Statement>& policy, const std::string& tenant) {
  if (!Admits(policy, tenant) || Admits(policy, std::nullopt)) return false;
  for (const std::string& id : AllIds()) {
    if (id != tenant && Admits(policy, id)) return false;
  }
  return true;
}

std::string Json(const std::vector<Statement>& policy) {
  std::string out = R"({"Version":"2012-10-17","Statement":[)";
  for (const Statement& statement : policy) {
    out += std::string(R"({"Effect":")") + (statement.allow ? "Allow" : "Deny") +
           R"(","Principal":{"AWS":")" + kRole +
           R"("},"Action":["kms:Encrypt","kms:Decrypt","kms:GenerateDataKey"],"Resource":"*",)"
           R"("Condition":{)";
    for (std::size_t i = 0; i < statement.conditions.size(); ++i) {
      const Condition& condition = statement.conditions[i];
      out += (i == 0 ? "\"" : ",\"") + condition.operation +
             R"(":{"kms:EncryptionContext:TenantId":[)";
      for (std::size_t v = 0; v < condition.values.size(); ++v) {
        out += (v == 0 ? "\"" : ",\"") + condition.values[v] + "\"";
      }
      out += "]}";
    }
    out += "}},";
  }
  return out + R"({"Effect":"Allow","Principal":"*","Action":"kms:DescribeKey","Resource":"*"}]})";
}

// Short texts out of few letters, so that they often meet.
std::string AnyText(const char* letters, int letters_count) {
  std::string out;
  for (int i = *rc::gen::inRange(1, 4); i > 0; --i) {
    out += letters[*rc::gen::inRange(0, letters_count)];
  }
  return out;
}

std::vector<Statement> AnyPolicy(const std::vector<std::string>& operations,
                                 const std::string& tenant) {
  std::vector<Statement> out(static_cast<std::size_t>(*rc::gen::inRange(1, 4)));
  for (Statement& statement : out) {
    statement.allow = *rc::gen::inRange(0, 4) != 0;
    std::size_t at = *rc::gen::inRange<std::size_t>(0, operations.size());
    for (int i = *rc::gen::inRange(1, 3); i > 0; --i, ++at) {
      Condition condition{operations[at % operations.size()], {}};
      const bool like = condition.operation.contains("Like");
      for (int v = *rc::gen::inRange(1, 4); v > 0; --v) {
        condition.values.push_back(*rc::gen::inRange(0, 2) == 0 ? tenant
                                   : like                       ? AnyText("abA?*", 5)
                                                                : AnyText("abA", 3));
      }
      statement.conditions.push_back(std::move(condition));
    }
  }
  return out;
}

KeyPolicyCheck Check(const std::vector<Statement>& policy, const std::string& tenant) {
  const auto check = CheckKeyPolicy(Json(policy), {{kRole}, {tenant}}, "", {});
  RC_ASSERT(check.ok());
  return *check;
}

// A policy that passes is rare, so each round tries many.
constexpr int kPolicies = 50;

TEST(KeyPolicyProperty, WhatPassesAdmitsTheTenantAndNoOther) {
  int passed = 0;
  EXPECT_TRUE(rc::check("sound, with patterns", [&] {
    const std::string tenant = AnyText("abA", 3);
    for (int i = 0; i < kPolicies; ++i) {
      const auto policy = AnyPolicy({"StringEquals", "StringLike", "StringNotEquals",
                                     "StringEqualsIfExists", "StringNotLike"},
                                    tenant);
      if (!Check(policy, tenant).ok()) continue;
      ++passed;
      RC_ASSERT(AdmitsExactly(policy, tenant));
    }
  }));
  EXPECT_GT(passed, 0);
}

TEST(KeyPolicyProperty, OfPoliciesWithoutPatternsAllPassThatShould) {
  EXPECT_TRUE(rc::check("exact, without patterns", [] {
    const std::string tenant = AnyText("abA", 3);
    for (int i = 0; i < kPolicies; ++i) {
      const auto policy = AnyPolicy({"StringEquals", "StringNotEquals"}, tenant);
      const KeyPolicyCheck check = Check(policy, tenant);
      RC_ASSERT(check.ok() == AdmitsExactly(policy, tenant));
      RC_ASSERT(check.ok() != check.wrong());
    }
  }));
}

}  // namespace
}  // namespace tenantseal::aws::exactly_test
