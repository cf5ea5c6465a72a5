// Content messages that are in memory as a whole: the hot path of the SDK.
//
// These functions keep one cipher per thread; no key outlives a call.
#pragma once

#include "base/bytes.h"
#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "formats/content_header.h"

namespace tenantseal::formats {

// Seals `plaintext` to a whole message with a fresh message id. kInvalidArgument as
// CheckContentHeaderFields() and ContentLayout have it.
Result<base::Bytes> SealMessage(const ContentHeaderFields& fields, const base::Secret256& data_key,
                                base::ByteSpan plaintext, const base::Random& random);

// Opens `message`, of which `header` was parsed. DecryptFailed() for whatever keys and tags decide;
// kInvalidArgument when it is truncated or something follows the final frame. Whether the
// header's context is the wanted one is the caller's to judge, by header.ParseContext().
Result<base::SecretBytes> OpenMessage(const ContentHeader& header, const base::Secret256& data_key,
                                      base::ByteSpan message);

}  // namespace tenantseal::formats
