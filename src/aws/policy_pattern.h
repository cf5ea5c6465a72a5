// Patterns of policies: text with wildcards and policy variables.
// Rules: AWS IAM User Guide, "IAM policy elements: Variables and tags".
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tenantseal::aws {

// The value of a policy variable by its lower-cased name; nothing when the request has none.
using VariableLookup = std::function<std::optional<std::string_view>(std::string_view)>;

// ASCII lower case.
std::string ToLower(std::string_view text);

// A compiled pattern. Immutable. Matching takes time of at most the product of both lengths.
class Pattern {
 public:
  struct Options {
    bool wildcards = true;     // * and ? are wildcards, else themselves.
    bool variables = false;    // ${aws:username}, ${*}, ${key, 'default'} are replaced.
    bool ignore_case = false;  // Of ASCII letters.
    bool arn = false;          // Wildcards do not cross the first five colons.
  };
  Pattern(std::string_view text, Options options);

  const std::string& text() const { return text_; }
  bool has_variables() const { return !variables_.empty(); }
  // Whether every variable has a value or a default.
  bool Resolves(const VariableLookup& lookup) const;
  // False when a variable has no value.
  bool Matches(std::string_view subject, const VariableLookup& lookup) const;

 private:
  // A byte, or one of the two wildcards, or 0x200 + the index of a variable.
  using Token = std::uint16_t;
  using Tokens = std::vector<Token>;
  struct Variable {
    std::string name;
    std::optional<std::string> fallback;
  };
  bool Glob(const Token* pattern, std::size_t size, std::string_view subject) const;
  bool MatchesTokens(const Tokens& tokens, std::string_view subject) const;
  void Add(std::string_view literal, Tokens& out) const;
  std::size_t AddVariable(std::string_view text);
  std::optional<Tokens> Expand(const VariableLookup& lookup) const;

  std::string text_;
  Options options_;
  Tokens tokens_;
  std::vector<Variable> variables_;
  std::string literal_;  // The whole pattern, when it has neither wildcard nor variable.
  bool is_literal_ = false;
};

}  // namespace tenantseal::aws
