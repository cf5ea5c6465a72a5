// Results for people and for programs.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace tenantseal::cli {

// `text` on one line, with '?' for each control character, those of C1 and of the direction of
// writing included, lest a name speak to the terminal.
std::string Printable(std::string_view text);

// Rows of equal length, the first one the heading, in aligned columns on standard output; values
// as Printable() has them.
void PrintTable(const std::vector<std::vector<std::string>>& values);
// "name  value" lines.
void PrintFields(const std::vector<std::pair<std::string, std::string>>& fields);
// Indented, with a line feed at the end.
void PrintJson(const nlohmann::json& json);

// The body of an answer as an object. kInternal when it is none.
Result<nlohmann::json> ParseAnswer(const base::SecretBytes& body);
// kInternal for an answer that no Tenantseal service gives: "The service's answer WHAT", and what
// to look at.
Error UnexpectedAnswer(const std::string& what);
// A member as text: strings as they are, numbers and booleans as JSON, "" when missing or null.
std::string Text(const nlohmann::json& object, const char* name);

}  // namespace tenantseal::cli
