// Settings of the service, "NAME=VALUE" a line or as the TOML file, and the short texts that stand
// in such values and in HTTP headers.
#include <sys/mman.h>
#include <unistd.h>

#include <map>

#include "aws/http_date.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "emulator/assume_role.h"
#include "emulator/emulator.h"
#include "emulator/faults.h"
#include "identity/api_keys.h"
#include "net/egress.h"
#include "server/settings.h"

namespace {

using namespace tenantseal;

void Resolve(const std::map<std::string, std::string>& flags) {
  const auto settings = server::ResolveSettings(
      flags, [](const std::string&) -> std::optional<std::string> { return std::nullopt; });
  TS_CHECK(settings || (!settings.error().field.empty() && !settings.error().message.empty()));
}

void TryFlags(std::string_view text) {
  std::map<std::string, std::string> flags;
  for (std::size_t at = 0; at < text.size() && flags.size() < 64;) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    const std::size_t equals = std::min(line.find('='), line.size());
    if (line.substr(0, equals) != "config")
      flags[std::string(line.substr(0, equals))] = line.substr(std::min(equals + 1, line.size()));
    at = end + 1;
  }
  Resolve(flags);
}

// The file lies in memory.
void TryFile(std::string_view text) {
  static const int file = memfd_create("settings", MFD_CLOEXEC);
  TS_CHECK(file >= 0 && ftruncate(file, 0) == 0);
  TS_CHECK(pwrite(file, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  Resolve({{"data-dir", "/data"}, {"config", "/proc/self/fd/" + std::to_string(file)}});
}

void TryTexts(std::string_view text) {
  if (const auto span = server::ParseDurationText(text)) TS_CHECK(span->count() >= 0);
  if (const auto span = identity::ParseDuration(text)) TS_CHECK(span->count() >= 0);
  if (const auto span = emulator::ParseSpan(text)) TS_CHECK(span->count() >= 0);
  if (const auto time = base::ParseUtc(text)) {
    const auto again = base::ParseUtc(base::FormatUtc(*time));
    TS_CHECK(again.has_value() && *again == *time);
  }
  (void)aws::ParseHttpDate(text);
  (void)aws::ParseAmzDate(text);
  if (const auto address = net::ParseIpAddress(text)) (void)net::IsPublic(*address);
  net::Egress egress;
  (void)egress.Allow(text);
  for (const bool with_region : {false, true}) {
    const auto address = emulator::ParseListenAddress(std::string(text), "listen", with_region);
    TS_CHECK(address || address.error().field == "listen");
  }
  (void)emulator::ParseStsForm(text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = base::AsText({data, size});
  TryTexts(text);
  TryFlags(text);
  TryFile(text);
  return 0;
}
