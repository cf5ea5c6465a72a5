#include "net/chunk_decoder.h"

#include <algorithm>

#include "base/encoding.h"

namespace tenantseal::net {
namespace {

constexpr std::size_t kLineBytesMax = 4 << 10;
constexpr std::size_t kDigitsMax = 16;

bool IsControl(std::uint8_t byte) { return (byte < 0x20 && byte != '\t') || byte == 0x7f; }

}  // namespace

ChunkDecoder::Status ChunkDecoder::Decode(base::ByteSpan input, SecretBuffer& body,
                                          std::size_t body_bytes_max, std::size_t& consumed) {
  consumed = 0;
  while (consumed < input.size()) {
    if (at_ == At::kData) {
      const std::size_t size = std::min(left_, input.size() - consumed);
      body.Append(input.subspan(consumed, size), body_bytes_max);
      consumed += size;
      left_ -= size;
      if (left_ == 0) at_ = At::kDataCr;
      continue;
    }
    const Status status = Step(input[consumed++], body_bytes_max - body.size());
    if (status != Status::kMore) return status;
  }
  return Status::kMore;
}

ChunkDecoder::Status ChunkDecoder::OnSize(std::uint8_t byte, std::size_t room) {
  const int digit = base::HexDigit(static_cast<char>(byte));
  if (digit >= 0) {
    if (++digits_ > kDigitsMax) return Status::kMalformed;
    if (left_ > (room >> 4)) return Status::kTooLarge;
    left_ = left_ << 4 | static_cast<std::size_t>(digit);
    return left_ > room ? Status::kTooLarge : Status::kMore;
  }
  if (digits_ == 0) return Status::kMalformed;
  if (byte == ';') {
    at_ = At::kExtension;
  } else if (byte == '\r') {
    at_ = At::kSizeLf;
  } else {
    return Status::kMalformed;
  }
  return Status::kMore;
}

ChunkDecoder::Status ChunkDecoder::Step(std::uint8_t byte, std::size_t room) {
  const auto expect = [&](char wanted, At next) {
    if (byte != static_cast<std::uint8_t>(wanted)) return Status::kMalformed;
    at_ = next;
    return Status::kMore;
  };
  const auto skip = [&](At lf) {
    if (byte == '\r') {
      at_ = lf;
    } else if (IsControl(byte)) {
      return Status::kMalformed;
    }
    return Status::kMore;
  };
  if (++line_bytes_ > kLineBytesMax) return Status::kMalformed;
  switch (at_) {
    case At::kSize:
      return OnSize(byte, room);
    case At::kExtension:
      return skip(At::kSizeLf);
    case At::kSizeLf:
      return expect('\n', left_ == 0 ? At::kTrailerStart : At::kData);
    case At::kDataCr:
      return expect('\r', At::kDataLf);
    case At::kDataLf:
      line_bytes_ = digits_ = 0;
      return expect('\n', At::kSize);
    case At::kTrailerStart:
      if (byte != '\r') at_ = At::kTrailer;
      return skip(At::kEndLf);
    case At::kTrailer:
      return skip(At::kTrailerLf);
    case At::kTrailerLf:
      return expect('\n', At::kTrailerStart);
    case At::kEndLf:
      return byte == '\n' ? Status::kDone : Status::kMalformed;
    case At::kData:
      break;
  }
  return Status::kMalformed;
}

}  // namespace tenantseal::net
