// The page of the emulator, for people: /_emulator/ lists the keys, /_emulator/keys?arn=... shows
// one with its policy to edit, as a customer would in AWS's console. Without scripts.
//
// What is done here is a call of KMS by the root user of the key's account: policies decide, and
// the trail records it.
#pragma once

#include <string>
#include <string_view>

#include "emulator/kms_service.h"
#include "emulator/trail.h"
#include "emulator/world.h"
#include "net/message.h"

namespace tenantseal::emulator {

// Thread-safe.
class Page {
 public:
  // `any_host`: the page may be asked for by any name; else only by a name of the loopback, so that
  // no other site's name can be made to mean it.
  Page(World& world, KmsService& kms, Trail& trail, bool any_host);

  static bool Has(std::string_view path);
  // `path` is one that Has().
  net::Response Handle(const net::Request& request);

  static constexpr std::size_t kBodyBytesMax = 256 << 10;

 private:
  net::Response ListKeys() const;
  net::Response ShowKey(std::string_view arn, std::string_view done) const;
  net::Response Change(const net::Request& request);
  // The page of `key` with what was typed, and why it was not taken.
  net::Response ShowRefused(const Key& key, std::string_view policy, const Fault& fault) const;
  // One call of KMS by the key's account.
  std::optional<Fault> CallKms(const Key& key, std::string_view operation, const std::string& body,
                               const net::Request& request);
  std::shared_ptr<const Key> Find(std::string_view arn) const;
  // Whether the form that came is one of ours.
  bool IsOwnForm(const net::Request& request, std::string_view token) const;

  World& world_;
  KmsService& kms_;
  Trail& trail_;
  const bool any_host_;
  const std::string token_;  // In every form: no other site knows it.
};

}  // namespace tenantseal::emulator
