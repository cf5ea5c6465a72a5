// Services by name: where each is and the API key for it, in one file of the user's.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tenantseal::cli {

struct ServiceContext {
  std::string server = {};
  std::string api_key = {};  // Empty: TENANTSEAL_API_KEY or --api-key-file is asked for.
  std::string ca_file = {};  // PEM roots in place of the system's; may be empty.
};

// Nobody but its owner may read the file, since it holds API keys.
struct Contexts {
  std::map<std::string, ServiceContext> by_name;
  std::string current;  // Empty: none.

  // $XDG_CONFIG_HOME/tenantseal/contexts.json, else the same in ~/.config. Empty when neither
  // variable is set.
  static std::string Path();
  // Empty when there is no file. kPermissionDenied when others may read it.
  static Result<Contexts> Load(const std::string& path);
  // What the file at `path` holds.
  static Result<Contexts> Parse(std::string_view json, const std::string& path);
  // Makes the directory if it is missing. A crash leaves the old file or the new one.
  Result<void> Save(const std::string& path) const;

  // kNotFound, naming the command that lists them.
  Result<const ServiceContext*> Find(const std::string& name) const;
};

// 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-'.
Result<void> CheckContextName(const std::string& name);

}  // namespace tenantseal::cli
