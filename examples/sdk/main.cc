// Seals and opens a buffer and a stream with data keys from a Tenantseal service.
//
// Reads TENANTSEAL_SERVER and TENANTSEAL_API_KEY; exits with 0 when everything opened as it was.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tenantseal/client.h"
#include "tenantseal/content.h"

namespace {

using tenantseal::ConstBytes;
using tenantseal::MutableBytes;
using tenantseal::Result;

std::string Environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Result<void> SealAndOpenBuffer(const tenantseal::Content& content) {
  const std::string text = "What the tenant wrote.";
  // The context is authenticated with the content and stands in clear in its header.
  const auto context = content.MakeContext({{"document", "42"}});
  if (!context) return context.error();
  const auto sealed =
      content.Seal({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, *context);
  if (!sealed) return sealed.error();
  const auto opened = content.Open(*sealed, {{"document", "42"}});
  if (!opened) return opened.error();
  if (std::string(opened->begin(), opened->end()) != text) return tenantseal::Internal("differs");
  std::printf("buffer: %zu bytes, sealed %zu\n", text.size(), sealed->size());
  // Another document's content does not open in its place.
  if (content.Open(*sealed, {{"document", "43"}})) return tenantseal::Internal("opened wrongly");
  return {};
}

Result<void> SealAndOpenStream(const tenantseal::Content& content) {
  constexpr std::uint64_t kBytes = 5'000'000;
  const auto context = content.MakeContext();
  if (!context) return context.error();
  std::string sealed;
  std::uint64_t left = kBytes;
  const auto read = [&](MutableBytes out) -> Result<std::size_t> {
    const std::size_t n = left < out.size() ? static_cast<std::size_t>(left) : out.size();
    for (std::size_t i = 0; i < n; ++i) out[i] = 'x';
    left -= n;
    return n;
  };
  const auto written = content.SealStream(
      read,
      [&](ConstBytes bytes) -> Result<void> {
        sealed.append(bytes.begin(), bytes.end());
        return {};
      },
      *context);
  if (!written) return written.error();
  std::size_t at = 0;
  std::uint64_t seen = 0;
  const auto opened = content.OpenStream(
      [&](MutableBytes out) -> Result<std::size_t> {
        const std::size_t n = sealed.copy(reinterpret_cast<char*>(out.data()), out.size(), at);
        at += n;
        return n;
      },
      [&](ConstBytes bytes) -> Result<void> {
        for (const std::uint8_t byte : bytes) seen += byte == 'x';
        return {};
      });
  if (!opened) return opened.error();
  if (seen != kBytes) return tenantseal::Internal("differs");
  std::printf("stream: %llu bytes, sealed %zu\n", static_cast<unsigned long long>(seen),
              sealed.size());
  return {};
}

Result<void> Run() {
  tenantseal::ClientOptions options;
  options.server = Environment("TENANTSEAL_SERVER");
  options.api_key = Environment("TENANTSEAL_API_KEY");
  const auto client = tenantseal::Client::Connect(options);
  if (!client) return client.error();
  const auto content = tenantseal::Content::Make(*client, client->tenant_id());
  if (!content) return content.error();
  if (auto buffer = SealAndOpenBuffer(*content); !buffer) return buffer;
  return SealAndOpenStream(*content);
}

}  // namespace

int main() {
  const auto outcome = Run();
  if (outcome) return 0;
  std::fprintf(stderr, "example: %s\n", outcome.error().message.c_str());
  return 1;
}
