// model/ holds the plain values that the folders above exchange: ids, tenants, providers, keys,
// events. Values are copyable, comparable, validated when they are made from text, and know
// nothing of storage, network or cryptography. Nothing here is secret.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"

namespace tenantseal::model {

// An id of its own type: 1 to 64 characters of [A-Za-z0-9_-].
template <typename Tag>
class Id {
 public:
  Id() = default;
  static Result<Id> Parse(std::string_view text) {
    if (!WellFormed(text)) return InvalidArgument(Tag::kField, Tag::kShape);
    return Id(text);
  }
  // Data keys have their own: NewDataKeyId().
  static Id New(const base::Random& random);
  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }
  auto operator<=>(const Id&) const = default;

 private:
  explicit Id(std::string_view text) : text_(text) {}
  static bool WellFormed(std::string_view text) {
    if (text.size() < Tag::kCharsMin || text.size() > Tag::kCharsMax) return false;
    for (char c : text) {
      const bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_';
      if (!ok) return false;
    }
    return true;
  }
  std::string text_;
};

struct TenantIdTag {
  static constexpr std::size_t kCharsMin = 32, kCharsMax = 32, kRandomBytes = 24;
  static constexpr const char* kField = "tenantId";
  static constexpr const char* kShape = "A tenant id has 32 characters of A-Z, a-z, 0-9, _ and -.";
};
struct DataKeyIdTag {
  static constexpr std::size_t kCharsMin = 22, kCharsMax = 22;
  static constexpr const char* kField = "id";
  static constexpr const char* kShape =
      "A data key id has 22 characters of A-Z, a-z, 0-9, _ and -.";
};
struct ApiKeyIdTag {
  static constexpr std::size_t kCharsMin = 16, kCharsMax = 16, kRandomBytes = 12;
  static constexpr const char* kField = "id";
  static constexpr const char* kShape =
      "An API key id has 16 characters of A-Z, a-z, 0-9, _ and -.";
};
struct ProcessIdTag {
  static constexpr std::size_t kCharsMin = 16, kCharsMax = 16, kRandomBytes = 12;
  static constexpr const char* kField = "process";
  static constexpr const char* kShape = "A process id has 16 characters of A-Z, a-z, 0-9, _ and -.";
};
// The id of a key provider within its tenant: 32 hexadecimal digits for AWS KMS, the tenant id
// for the internal KMS.
struct FingerprintTag {
  static constexpr std::size_t kCharsMin = 32, kCharsMax = 32, kRandomBytes = 24;
  static constexpr const char* kField = "arnFingerPrint";
  static constexpr const char* kShape =
      "A fingerprint has 32 characters of A-Z, a-z, 0-9, _ and -.";
};

using TenantId = Id<TenantIdTag>;
using DataKeyId = Id<DataKeyIdTag>;
using ApiKeyId = Id<ApiKeyIdTag>;
using ProcessId = Id<ProcessIdTag>;
using Fingerprint = Id<FingerprintTag>;

// The millisecond `now`, modulo 2^47, then 80 random bits. Ids made for one request lie side by
// side in an index, so that a thousand new keys change few of its pages instead of a thousand.
DataKeyId NewDataKeyId(const base::Random& random, base::UtcTime now);

// A random UUID, version 4 (RFC 9562), e.g. for events.
std::string NewUuid(const base::Random& random);

// What a row or an event chain belongs to: one tenant, or the deployment as a whole.
class Scope {
 public:
  static Scope Deployment() { return Scope("-"); }
  static Scope Of(const TenantId& tenant) { return Scope(tenant.text()); }
  // The inverse of text().
  static Result<Scope> Parse(std::string_view text) {
    if (text == Deployment().text()) return Deployment();
    TS_ASSIGN_OR_RETURN(const TenantId tenant, TenantId::Parse(text));
    return Of(tenant);
  }
  const std::string& text() const { return text_; }
  bool is_deployment() const { return text_ == "-"; }
  auto operator<=>(const Scope&) const = default;

 private:
  explicit Scope(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace tenantseal::model

template <typename Tag>
struct std::hash<tenantseal::model::Id<Tag>> {
  std::size_t operator()(const tenantseal::model::Id<Tag>& id) const noexcept {
    return std::hash<std::string>()(id.text());
  }
};
