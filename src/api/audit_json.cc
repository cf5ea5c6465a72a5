#include "api/audit_json.h"

#include <nlohmann/json.hpp>

#include "base/encoding.h"

namespace tenantseal::api {
namespace {

using nlohmann::json;

constexpr std::size_t kIdBytes = 12;
constexpr std::uint64_t kSequenceMask = (std::uint64_t{1} << 40) - 1;

// "api-key:ID" is a key, anything else ("system", "first-start") is its own kind.
json ActorJson(const std::string& actor) {
  const std::size_t colon = actor.find(':');
  if (colon == std::string::npos) return {{"sub", actor}, {"subType", actor}};
  return {{"sub", actor.substr(colon + 1)}, {"subType", actor.substr(0, colon)}};
}

}  // namespace

std::string AuditId(const model::Event& event) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(event.content.time);
  base::ByteWriter id;
  id.U32(static_cast<std::uint32_t>(seconds.time_since_epoch().count()));
  const base::Bytes own =
      base::HexDecode(std::string_view(event.content.id).substr(0, 6)).value_or(base::Bytes(3));
  id.Raw(own);
  id.U8(static_cast<std::uint8_t>((event.sequence & kSequenceMask) >> 32));
  id.U32(static_cast<std::uint32_t>(event.sequence));
  return base::HexEncode(id.bytes());
}

std::optional<std::uint64_t> AuditSequence(std::string_view id) {
  const auto bytes = base::HexDecode(id);
  if (!bytes || bytes->size() != kIdBytes) return std::nullopt;
  return base::ByteReader(base::ByteSpan(*bytes).subspan(kIdBytes - 8)).U64() & kSequenceMask;
}

json ArchivedAuditJson(const model::Event& event) {
  const model::NewEvent& content = event.content;
  json data = json::parse(content.data, nullptr, /*allow_exceptions=*/false);
  if (!data.is_object()) data = json::object();
  json extensions = {{"actor", ActorJson(content.actor)}};
  if (const auto updates = data.find("updates"); updates != data.end())
    extensions["updates"] = *updates;
  json out = {{"contentType", "application/json"},
              {"eventId", content.id},
              {"eventTime", base::FormatUtc(content.time)},
              {"eventType", content.type},
              {"eventTypeVersion", "1.0.0"},
              {"source", content.source},
              {"userId", content.actor},
              {"extensions", std::move(extensions)},
              {"data", std::move(data)}};
  if (!content.scope.is_deployment()) out["tenantId"] = content.scope.text();
  return out;
}

json AuditJson(const model::Event& event, const std::string& base_url) {
  json out = ArchivedAuditJson(event);
  const std::string id = AuditId(event);
  const std::string href = base_url + "/api/v1/audits/" + id;
  out["id"] = id;
  // Clients of the API that this follows read either.
  out["links"] = {{"Self", {{"Href", href}}}, {"self", {{"href", href}}}};
  return out;
}

}  // namespace tenantseal::api
