// Sealing and opening content: buffers, streams and files.
//
// The format is the AWS Encryption SDK's message format, version 2 (docs/formats.md), with a
// committing suite; an AWS Encryption SDK that is given the data key opens it. Content opens only
// in the name of the tenant that sealed it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tenantseal/context.h"
#include "tenantseal/data_keys.h"
#include "tenantseal/result.h"

namespace tenantseal {

namespace sdk {
class DataKeyCache;
}

using ConstBytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

// Fills `out` and returns how many bytes it holds: less than its size only at the end.
using ReadFunction = std::function<Result<std::size_t>(MutableBytes out)>;
// Takes all of `bytes`.
using WriteFunction = std::function<Result<void>(ConstBytes bytes)>;
// The same on a file descriptor, which stays the caller's.
ReadFunction ReadFrom(int fd);
WriteFunction WriteTo(int fd);
// Told now and then how many of `total` bytes are done (`total` is 0 when unknown). Returning
// false ends the work with kDeadlineExceeded "interrupted" and leaves no output. Called by one
// thread at a time, not always the caller's.
using ProgressFunction = std::function<bool(std::uint64_t done, std::uint64_t total)>;

struct FileOptions {
  ProgressFunction progress = {};
  // Make the output durable before it appears under its name, so that it survives a power cut
  // that comes right afterwards. Costs what the disk needs.
  bool sync = false;
  unsigned workers = 0;  // Threads for a regular file; 0: one a processor, at most 4.
};

struct StreamOptions {
  ProgressFunction progress = {};
  std::uint64_t size_hint = 0;  // Of the input, for `progress` only; 0: unknown.
};

// A part of a message's plaintext.
struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

// What a message says of itself, in clear. Nothing of it is verified before it is opened.
struct ContentDescription {
  std::uint8_t format_version = 0;
  std::uint16_t suite = 0;  // 0x0478.
  std::string tenant_id;
  std::string provider_fingerprint;      // Of the key provider, as the wrapped key names it.
  std::uint32_t tenant_key_version = 0;  // 0: the wrapped key is not of our making.
  Context::Pairs context;
  std::uint32_t frame_bytes = 0;  // Plaintext of a frame; 0: one block, without frames.
  std::uint64_t header_bytes = 0;
  std::uint64_t message_bytes = 0;
  std::optional<std::uint64_t> plaintext_bytes;  // As the length of the file implies.
};

inline constexpr std::uint32_t kFrameBytes = 1 << 20;

// Seals and opens in the name of one tenant. Thread-safe; `keys` must outlive it.
class Content {
 public:
  // kInvalidArgument: a tenant id that is none, a limit of zero.
  static Result<Content> Make(const DataKeySource& keys, std::string tenant_id,
                              DataKeyLimits limits = {}, BootNanoseconds clock = {});
  Content(Content&&) noexcept;
  Content& operator=(Content&&) noexcept;
  ~Content();

  // A context to seal with: `pairs` and TenantId. Make it once and use it often.
  Result<Context> MakeContext(Context::Pairs pairs = {}) const;

  // ---- Buffers. A message of one frame.
  Result<std::vector<std::uint8_t>> Seal(ConstBytes plaintext, const Context& context) const;
  // Without allocation: `out` needs SealedBytesMax(); returns the bytes used.
  Result<std::size_t> SealTo(ConstBytes plaintext, const Context& context, MutableBytes out) const;
  std::size_t SealedBytesMax(std::size_t plaintext_bytes, const Context& context) const;

  // `required` pairs must stand in the message's context with these values; the message may hold
  // more. kDecryptFailed for whatever does not open, whatever the reason: another tenant, another
  // context, a flipped bit, a missing end.
  Result<std::vector<std::uint8_t>> Open(ConstBytes message,
                                         const Context::Pairs& required = {}) const;
  // `out` needs message.size() bytes; on failure it has been wiped.
  Result<std::size_t> OpenTo(ConstBytes message, const Context::Pairs& required,
                             MutableBytes out) const;

  // ---- Streams, in memory that does not grow with the content (about 4 frames).
  // Returns the bytes of plaintext.
  Result<std::uint64_t> SealStream(const ReadFunction& read, const WriteFunction& write,
                                   const Context& context, const StreamOptions& options = {}) const;
  // `write` is given only what has been verified. When the stream ends early or a later frame does
  // not open, what was written before is authentic but incomplete; when something follows the final
  // frame, it is complete nevertheless. The error says which.
  Result<std::uint64_t> OpenStream(const ReadFunction& read, const WriteFunction& write,
                                   const Context::Pairs& required = {},
                                   const StreamOptions& options = {}) const;

  // ---- Files. The output appears under its name, replacing what was there, once everything has
  // been verified; on failure nothing is left behind. Sealed files get the permissions that the
  // umask leaves; opened ones are the owner's alone (0600), or keep those of the file they replace.
  // kConflict when a file changes its size while it is sealed; one that says it is empty and is not
  // (those of /proc) is read to its end. Returns the bytes of plaintext.
  Result<std::uint64_t> SealFile(const std::string& in, const std::string& out,
                                 const Context& context, const FileOptions& options = {}) const;
  Result<std::uint64_t> OpenFile(const std::string& in, const std::string& out,
                                 const Context::Pairs& required = {},
                                 const FileOptions& options = {}) const;

  // Verifies and writes only the frames that hold `range`, cut to it. A range that reaches beyond
  // the end is cut; returns the bytes written. When the range touches the end or lies beyond it,
  // the final frame is verified first, so that a truncated file fails (kDecryptFailed) before
  // anything is written; for a range that ends earlier nothing is known of the file's end.
  Result<std::uint64_t> OpenRange(const std::string& in, ByteRange range,
                                  const WriteFunction& write,
                                  const Context::Pairs& required = {}) const;

  // Moves the file to the tenant's active key. Unless its data key is under that one already (then
  // false, and nothing is done), the content is sealed anew in one pass: new data key, new message
  // id, every frame opened, verified and sealed at once, with the same context and frame length.
  // (A header renewed for the same frames would use the content key's header nonce twice, which
  // gives forgers the authentication key.) Plaintext never reaches the disk; memory as for the
  // other files. The file is replaced as a whole, durably whatever `options.sync` says, keeping its
  // permissions; on failure it stays as it is. kInvalidArgument (field "message") when it holds
  // data keys of other providers, which would be lost.
  Result<bool> RewrapFile(const std::string& path, const Context::Pairs& required = {},
                          const FileOptions& options = {}) const;

 private:
  Content(const DataKeySource& keys, std::string tenant_id,
          std::unique_ptr<sdk::DataKeyCache> cache);
  const DataKeySource* keys_;
  std::string tenant_id_;
  std::unique_ptr<sdk::DataKeyCache> cache_;
};

// Reads a message's header; needs no key. kInvalidArgument when it is none.
Result<ContentDescription> Inspect(const std::string& path);

}  // namespace tenantseal
