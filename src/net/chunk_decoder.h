// Decodes the chunked transfer coding of requests.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "net/secret_buffer.h"

namespace tenantseal::net {

// RFC 9112 section 7.1, read strictly: sizes are hexadecimal digits and nothing else, lines end
// in CR LF, extensions and trailer fields are bounded, read past and never used. Takes input in
// pieces of any size. Not thread-safe.
class ChunkDecoder {
 public:
  enum class Status : std::uint8_t { kMore, kDone, kMalformed, kTooLarge };

  // Takes what belongs to the body from the start of `input`, appends the content to `body`,
  // which may come to `body_bytes_max` bytes, and says in `consumed` how much that was: all of it
  // with kMore. After any other status the decoder is spent.
  Status Decode(base::ByteSpan input, SecretBuffer& body, std::size_t body_bytes_max,
                std::size_t& consumed);

 private:
  enum class At : std::uint8_t {
    kSize,
    kExtension,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailerStart,
    kTrailer,
    kTrailerLf,
    kEndLf,
  };

  Status Step(std::uint8_t byte, std::size_t room);
  Status OnSize(std::uint8_t byte, std::size_t room);

  At at_ = At::kSize;
  std::size_t left_ = 0;        // Of the chunk's data; while at kSize, the size so far.
  std::size_t digits_ = 0;
  std::size_t line_bytes_ = 0;  // Of this size line, or of the whole trailer.
};

}  // namespace tenantseal::net
