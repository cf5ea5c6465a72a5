#include "aws/policy_pattern.h"

#include <algorithm>

namespace tenantseal::aws {
namespace {

constexpr std::uint16_t kAnyText = 0x100, kAnyCharacter = 0x101, kFirstVariable = 0x200;
constexpr std::size_t kVariablesMax = 1000;  // Of one pattern; further ones stay literal.

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string_view Trim(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::string ToLower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), Lower);
  return out;
}

Pattern::Pattern(std::string_view text, Options options) : text_(text), options_(options) {
  for (std::size_t i = 0; i < text.size();) {
    if (options.variables && text.substr(i).starts_with("${")) {
      const std::size_t length = AddVariable(text.substr(i));
      i += length;
      if (length > 0) continue;
    }
    if (options.wildcards && text[i] == '*') {
      // Several in a row say no more than one.
      if (tokens_.empty() || tokens_.back() != kAnyText) tokens_.push_back(kAnyText);
    } else if (options.wildcards && text[i] == '?') {
      tokens_.push_back(kAnyCharacter);
    } else {
      Add(text.substr(i, 1), tokens_);
    }
    ++i;
  }
  is_literal_ = std::ranges::all_of(tokens_, [](Token t) { return t < 0x100; });
  if (is_literal_) {
    for (const Token token : tokens_) literal_ += static_cast<char>(token);
  }
}

// Reads the variable at the start of `text` into the tokens; returns its length, 0 when it is none.
std::size_t Pattern::AddVariable(std::string_view text) {
  const std::size_t end = text.find('}');
  if (end == text.npos || variables_.size() >= kVariablesMax) return 0;
  const std::string_view inside = text.substr(2, end - 2);
  if (inside == "*" || inside == "?" || inside == "$") {
    Add(inside, tokens_);
    return end + 1;
  }
  const std::size_t comma = inside.find(',');
  Variable variable{ToLower(Trim(inside.substr(0, comma))), std::nullopt};
  if (comma != inside.npos) {
    const std::string_view fallback = Trim(inside.substr(comma + 1));
    if (fallback.size() >= 2 && fallback.front() == '\'' && fallback.back() == '\'') {
      variable.fallback = fallback.substr(1, fallback.size() - 2);
    }
  }
  tokens_.push_back(static_cast<Token>(kFirstVariable + variables_.size()));
  variables_.push_back(std::move(variable));
  return end + 1;
}

void Pattern::Add(std::string_view literal, Tokens& out) const {
  for (const char c : literal) {
    out.push_back(static_cast<std::uint8_t>(options_.ignore_case ? Lower(c) : c));
  }
}

std::optional<Pattern::Tokens> Pattern::Expand(const VariableLookup& lookup) const {
  Tokens out;
  for (const Token token : tokens_) {
    if (token < kFirstVariable) {
      out.push_back(token);
      continue;
    }
    const Variable& variable = variables_[token - kFirstVariable];
    auto value = lookup(variable.name);
    if (!value && variable.fallback) value = *variable.fallback;
    if (!value) return std::nullopt;
    Add(*value, out);
  }
  return out;
}

bool Pattern::Resolves(const VariableLookup& lookup) const {
  return std::ranges::all_of(variables_, [&](const Variable& variable) {
    return variable.fallback.has_value() || lookup(variable.name).has_value();
  });
}

bool Pattern::Matches(std::string_view subject, const VariableLookup& lookup) const {
  if (is_literal_ && !options_.ignore_case) return subject == literal_;
  if (is_literal_) {
    return std::ranges::equal(subject, literal_, [](char a, char b) { return Lower(a) == b; });
  }
  if (variables_.empty()) return MatchesTokens(tokens_, subject);
  const auto expanded = Expand(lookup);
  return expanded && MatchesTokens(*expanded, subject);
}

bool Pattern::MatchesTokens(const Tokens& tokens, std::string_view subject) const {
  const Token* pattern = tokens.data();
  std::size_t size = tokens.size();
  if (options_.arn && !(size == 1 && *pattern == kAnyText)) {
    for (int part = 0; part < 5; ++part) {
      const auto colon =
          static_cast<std::size_t>(std::find(pattern, pattern + size, ':') - pattern);
      const std::size_t end = subject.find(':');
      if (colon == size || end == subject.npos) return false;
      if (!Glob(pattern, colon, subject.substr(0, end))) return false;
      pattern += colon + 1;
      size -= colon + 1;
      subject.remove_prefix(end + 1);
    }
  }
  return Glob(pattern, size, subject);
}

// Only the last * is ever taken back: what an earlier one took need not be longer, since the later
// one can take the rest. So the time is bounded by the product of the lengths.
bool Pattern::Glob(const Token* pattern, std::size_t size, std::string_view subject) const {
  std::size_t p = 0, s = 0, star = size, resume = 0;
  while (s < subject.size()) {
    if (p < size && pattern[p] == kAnyText) {
      star = p++;
      resume = s;
    } else if (p < size &&
               (pattern[p] == kAnyCharacter ||
                pattern[p] == static_cast<std::uint8_t>(options_.ignore_case ? Lower(subject[s])
                                                                             : subject[s]))) {
      ++p;
      ++s;
    } else if (star < size) {
      p = star + 1;
      s = ++resume;
    } else {
      return false;
    }
  }
  while (p < size && pattern[p] == kAnyText) ++p;
  return p == size;
}

}  // namespace tenantseal::aws
