#include "cli/contexts.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "aws/quote.h"
#include "base/file.h"

namespace tenantseal::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kFileBytesMax = 1 << 20;
constexpr std::size_t kNameBytesMax = 64;

std::string FromEnvironment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Error Malformed(const std::string& path) {
  return {ErrorCode::kInternal,
          path +
              " is not what `tenantseal context set` writes (JSON with current and contexts): mend "
              "it, or move it away and set the contexts anew.",
          "file"};
}

// A member that must be text where it is there.
bool TakeText(const json& object, const char* name, std::string& out) {
  const auto found = object.find(name);
  if (found == object.end()) return true;
  if (!found->is_string()) return false;
  out = found->get<std::string>();
  return true;
}

bool TakeContext(const json& object, ServiceContext& out) {
  return object.is_object() && TakeText(object, "server", out.server) &&
         TakeText(object, "apiKey", out.api_key) && TakeText(object, "caFile", out.ca_file);
}

bool TakeContexts(const json& file, Contexts& out) {
  if (!file.is_object() || !TakeText(file, "current", out.current)) return false;
  const auto contexts = file.find("contexts");
  if (contexts == file.end()) return true;
  if (!contexts->is_object()) return false;
  return std::all_of(contexts->items().begin(), contexts->items().end(), [&](const auto& item) {
    return TakeContext(item.value(), out.by_name[item.key()]);
  });
}

}  // namespace

std::string Contexts::Path() {
  std::string directory = FromEnvironment("XDG_CONFIG_HOME");
  // A relative path there is to be ignored (XDG Base Directory Specification).
  if (!directory.starts_with('/')) {
    const std::string home = FromEnvironment("HOME");
    if (home.empty()) return "";
    directory = home + "/.config";
  }
  return directory + "/tenantseal/contexts.json";
}

Result<Contexts> Contexts::Load(const std::string& path) {
  if (path.empty() || !base::FileExists(path)) return Contexts{};
  if (auto owned = base::RequirePrivateFile(path); !owned) {
    Error error = std::move(owned).error();
    error.field = "file";
    return error;
  }
  TS_ASSIGN_OR_RETURN(const base::SecretBytes bytes, base::ReadFile(path, kFileBytesMax));
  return Parse(bytes.RevealText(), path);
}

Result<Contexts> Contexts::Parse(std::string_view text, const std::string& path) {
  Contexts out;
  if (!TakeContexts(json::parse(text, nullptr, false), out)) return Malformed(path);
  return out;
}

Result<void> Contexts::Save(const std::string& path) const {
  if (path.empty())
    return InvalidArgument("file", "Set HOME or XDG_CONFIG_HOME: contexts are kept there.");
  json contexts = json::object();
  for (const auto& [name, context] : by_name) {
    json& object = contexts[name] = {{"server", context.server}};
    if (!context.api_key.empty()) object["apiKey"] = context.api_key;
    if (!context.ca_file.empty()) object["caFile"] = context.ca_file;
  }
  const std::string text = json{{"current", current}, {"contexts", contexts}}.dump(2) + "\n";
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  std::error_code ignored;  // What is missing then shows in the next call.
  std::filesystem::create_directories(directory.parent_path(), ignored);
  TS_RETURN_IF_ERROR(base::EnsurePrivateDirectory(directory.string()));
  return base::WriteFileAtomically(path, base::AsBytes(text));
}

Result<const ServiceContext*> Contexts::Find(const std::string& name) const {
  const auto found = by_name.find(name);
  if (found != by_name.end()) return &found->second;
  return NotFound("There is no context \"" + name + "\"; `tenantseal context ls` shows them.");
}

Result<void> CheckContextName(const std::string& name) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  if (!name.empty() && name.size() <= kNameBytesMax &&
      name.find_first_not_of(kAllowed) == std::string::npos) {
    return {};
  }
  return InvalidArgument("name", "NAME " + aws::Quote(name) +
                                     ": a context's name has 1 to 64 of A-Z, a-z, 0-9, . _ and -.");
}

}  // namespace tenantseal::cli
