// Frames between two regular files, on several threads: sealed, opened, or sealed anew.
//
// Frames are independent: each worker takes the next one, moves it from file to file in pieces
// that stay in the processor's cache, and writes it where it belongs. Memory is one piece a
// worker, whatever the sizes of file and frame.
#pragma once

#include "formats/content_frame.h"
#include "tenantseal/content.h"

namespace tenantseal::sdk {

// One message between two files that several threads may pread and pwrite.
struct FrameFiles {
  int in = -1;
  int out = -1;
  const formats::ContentLayout& layout;
  const base::Secret256& content_key;
  const formats::MessageId& message_id;
};

// Plaintext from `in` to frames in `out`. kConflict when `in` turns out shorter than the layout
// says, kUnavailable when the disk is full.
Result<void> SealFrames(const FrameFiles& files, const FileOptions& options);

// Frames from `in` to plaintext in `out`, which is authentic only if this succeeds.
// DecryptFailed() at the first frame that does not verify.
Result<void> OpenFrames(const FrameFiles& files, const FileOptions& options);

// Frames of `from` to frames of another message in `to.out`, which has the same frames behind a
// header of its own: `from.out` and `to.in` are not used. Plaintext is in memory only, one piece a
// worker, and a frame that does not verify gets no tag. Errors as OpenFrames().
Result<void> ResealFrames(const FrameFiles& from, const FrameFiles& to, const FileOptions& options);

}  // namespace tenantseal::sdk
