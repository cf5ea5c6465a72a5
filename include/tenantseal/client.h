// The connection to a Tenantseal service.
//
// The SDK seals and opens content where it lies: only data keys travel, never content. `Client`
// gets data keys for one tenant; `Content` (content.h) seals and opens with them. The library
// promises that no data key is kept longer than the service allows, that key material is wiped,
// that a foreign tenant's content looks like any other that does not open, and that it throws
// nothing. It never writes a log and never follows a redirect.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "tenantseal/data_keys.h"
#include "tenantseal/result.h"

namespace tenantseal {

namespace sdk {
class Rest;
}

struct ClientOptions {
  std::string server = {};  // "https://tenantseal.example.com"; http:// only to a loopback address.
  std::string api_key = {};  // Role ContentService.
  // Whose content. May stay empty for an API key of one tenant: Connect() then asks the service.
  std::string tenant_id = {};
  std::string ca_file = {};    // PEM roots in place of the system's.
  bool insecure_http = false;  // Allow http:// to other addresses: keys then travel in clear.
  std::chrono::milliseconds timeout = std::chrono::seconds(10);  // Of one attempt.
  std::chrono::milliseconds connect_timeout = std::chrono::seconds(5);
  // An attempt that met an unreachable, overloaded or rate-limiting service is repeated after the
  // time the service named, or 100 ms doubled each time, in no case more than `retry_delay_max`.
  int attempts_max = 3;
  std::chrono::milliseconds retry_delay_max = std::chrono::seconds(5);
};

// Thread-safe; keeps its connections. Movable, so that it can be returned; whoever uses it as a
// DataKeySource must keep it in place.
class Client final : public DataKeySource {
 public:
  // Checks the options (kInvalidArgument, `field` names the option) and, if no tenant was named,
  // learns it from the service.
  static Result<Client> Connect(ClientOptions options);

  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client() override;

  const std::string& tenant_id() const { return tenant_id_; }

  Result<DataKey> Mint(const Context& context) const override;
  Result<DataKey> Unwrap(std::string_view wrapped, const Context& context) const override;
  Result<RewrappedKey> Rewrap(std::string_view wrapped, const Context& context) const override;

  // For the library itself and its tests.
  Client(std::unique_ptr<sdk::Rest> rest, std::string tenant_id);

 private:
  std::unique_ptr<sdk::Rest> rest_;
  std::string tenant_id_;
};

}  // namespace tenantseal
