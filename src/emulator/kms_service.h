// KmsService answers KMS's operations on a World: it reads the input, finds the key, asks whether
// the caller may, checks the key's state, does it, and notes what the trail records.
//
// Every call is authorised, and the codes and messages are AWS's. Rules: AWS KMS API Reference;
// AWS KMS Developer Guide, "Key states of AWS KMS keys", "Multi-Region keys", "Determining access".
#pragma once

#include <string_view>

#include "emulator/call.h"
#include "emulator/world.h"

namespace tenantseal::emulator {

// Thread-safe.
class KmsService {
 public:
  explicit KmsService(World& world) : world_(world) {}

  // Never waits, except that mutating operations wait for one another and write to the state file.
  Reply Handle(const Call& call, std::string_view body_json, TrailNote& note);

  // Whether the operation changes the World: run it on a worker, the others on the I/O thread.
  static bool IsMutating(std::string_view operation);
  static bool Knows(std::string_view operation);

 private:
  World& world_;
};

}  // namespace tenantseal::emulator
