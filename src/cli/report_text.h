// Validation reports and refusals of the service in words.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace tenantseal::cli {

// One line for each check, with what was found and, below, how to mend it; then what belongs into
// the key's policy. Ends with a line feed. What the service says is shown as Printable() has it.
std::string ReportText(const nlohmann::json& report);
// "pass", "warn" or "fail": the report's own word, else the worst of its checks.
std::string ReportOutcome(const nlohmann::json& report);

struct Refusal {
  // "Title: detail (code)", then the report of a validation that refused. Empty when the body holds
  // no error.
  std::string text;
  std::uint16_t encryption_code = 0;  // The n of "Encryption-n"; 0: another code.
};
// Of the first error in an error answer's body, which must be JSON.
Refusal ReadRefusal(std::string_view body);

}  // namespace tenantseal::cli
