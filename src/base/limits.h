// Every bound on input, in one place. docs/operations.md lists those that users meet.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tenantseal::base {

inline constexpr std::size_t kBodyBytesMax = 4 << 20;     // A request body.
inline constexpr std::size_t kHeaderBytesMax = 16 << 10;  // All request headers together.
inline constexpr std::size_t kBatchItemsMax = 1000;  // Items of a batch, data keys of a request.
inline constexpr std::size_t kValueBytesMax = 64 << 10;   // Plaintext of a sealed value.
inline constexpr std::size_t kContextBytesMax = 8 << 10;  // Serialised encryption context.
inline constexpr std::size_t kContextPairsMax = 64;
inline constexpr std::size_t kNameBytesMax = 256;  // Names, descriptions of things.
inline constexpr std::size_t kDescriptionBytesMax = 1024;
inline constexpr std::size_t kApiKeysPerTenantMax = 1000;
inline constexpr std::size_t kTenantKeyVersionsMax = 1000;  // Live versions of one tenant.
inline constexpr std::size_t kProvidersMax = 100;           // Key providers of one tenant.
inline constexpr std::size_t kPageItemsMax = 100;

}  // namespace tenantseal::base
