// Root keys of the internal KMS: what everything else in the keystore is wrapped with.
//
// They come from a file (owner-only), from the environment or from a file descriptor, never from
// the database or the keystore. There is one active root and, while a rotation is under way, the
// one before it. A root's id is derived from its bytes, so a mistyped or damaged key is noticed.
//
// Text form, of the file and of what is read from a descriptor:
//   tenantseal-root-keys 1
//   # comment
//   key <id> <active|previous> <created, RFC 3339> <base64 of 32 bytes>
// The environment variable TENANTSEAL_ROOT_KEY (and a descriptor, too) may instead hold base64
// alone: the active root, and after a comma the previous one.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"

namespace tenantseal::kms {

// One root key. Const methods are thread-safe.
class RootKey {
 public:
  explicit RootKey(base::Secret256 key);
  static RootKey New(const base::Random& random) { return RootKey(random.Key()); }

  const std::string& id() const { return id_; }  // 16 characters of [A-Za-z0-9_-].
  // Identifies the key without revealing it.
  std::array<std::uint8_t, 32> CheckValue() const;
  base::Bytes Wrap(std::string_view label, base::ByteSpan associated_data, base::ByteSpan secret,
                   const base::Random& random) const;
  Result<base::SecretBytes> Unwrap(std::string_view label, base::ByteSpan associated_data,
                                   base::ByteSpan wrapped) const;
  base::Secret256 DeriveKey(std::string_view label) const;
  // For writing the root file only.
  const base::Secret256& key() const { return key_; }

 private:
  base::Secret256 key_;
  std::string id_;
};

// The root keys that this process has, the active one first. Not thread-safe.
class RootKeys {
 public:
  struct Entry {
    RootKey root;
    base::UtcTime created_at;
  };
  static constexpr std::size_t kRootsMax = 8;

  static RootKeys Fresh(const base::Random& random, const base::Clock& clock);
  // Reads either form. kInvalidArgument says what is wrong, never repeating key material.
  static Result<RootKeys> Parse(std::string_view text);
  base::SecretBytes Serialize() const;  // The text form.

  const RootKey& active() const { return entries_.front().root; }
  const RootKey* Find(std::string_view id) const;  // Or nullptr.
  const std::vector<Entry>& entries() const { return entries_; }
  // Puts a fresh root in front: it is active from now on.
  void AddActive(const base::Random& random, const base::Clock& clock);
  // Leaves the active root alone.
  void DropPrevious();

 private:
  std::vector<Entry> entries_;
};

// Where root keys come from. A source that is not a file is read once, when the process starts.
struct RootSource {
  enum class Kind : std::uint8_t { kFile, kText } kind = Kind::kFile;
  std::string path;        // kFile.
  base::SecretBytes text;  // kText: what the variable or the descriptor held.
  std::string origin;      // How messages name it, e.g. "TENANTSEAL_ROOT_KEY".

  static RootSource File(std::string path);
  // The variable TENANTSEAL_ROOT_KEY of the environment; it is removed from it. kNotFound.
  static Result<RootSource> Environment();
  // Reads the descriptor to its end and closes it.
  static Result<RootSource> Descriptor(int fd);
  RootSource Copy() const;
};

// kNotFound when there is no such file; kPermissionDenied when others may read it.
Result<RootKeys> LoadRootKeys(const RootSource& source);
// Makes the file with a fresh root, durably. kAlreadyExists when there is one.
Result<RootKeys> CreateRootFile(const std::string& path, const base::Random& random,
                                const base::Clock& clock);
// Replaces the file's content, durably and at once.
Result<void> WriteRootFile(const std::string& path, const RootKeys& roots);

}  // namespace tenantseal::kms
