#include "store/sqlite/log_ahead.h"

#include <fcntl.h>

namespace tenantseal::store {
namespace {

// sqlite.org/fileformat2.html, 4.1: a header, then frames of a header and a page each.
constexpr off_t kLogHeaderBytes = 32;
constexpr off_t kFrameBytes = 24 + 4096;

// The largest write, a thousand data keys, takes some 110 frames, where ids lie apart some 600.
constexpr int kFramesAhead = 1024;
constexpr int kFramesLeft = kFramesAhead / 2;  // When more are asked for.
// Linux reads no more than 128 KiB ahead at a time, unless told otherwise of the disk.
constexpr off_t kBytesAtOnce = 128 << 10;

}  // namespace

LogAhead::LogAhead(const std::string& path)
    : log_(open((path + "-wal").c_str(), O_RDONLY | O_CLOEXEC)) {}

void LogAhead::Reach(int frame) {
  int end = end_.load(std::memory_order_relaxed);
  // One that lies further ahead is of the log before it was begun anew.
  if (end - frame >= kFramesLeft && end - frame <= kFramesAhead) return;
  if (!log_.valid() || !end_.compare_exchange_strong(end, frame + kFramesAhead)) return;
  const off_t last = kLogHeaderBytes + (frame + kFramesAhead) * kFrameBytes;
  for (off_t at = kLogHeaderBytes + frame * kFrameBytes; at < last; at += kBytesAtOnce)
    static_cast<void>(posix_fadvise(log_.get(), at, kBytesAtOnce, POSIX_FADV_WILLNEED));
}

}  // namespace tenantseal::store
