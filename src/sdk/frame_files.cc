#include "sdk/frame_files.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "sdk/fd_io.h"
#include "sdk/message.h"

namespace tenantseal::sdk {
namespace {

constexpr std::size_t kPieceBytes = 64 << 10;
constexpr unsigned kWorkersMax = 4;

// What one worker owns: a cipher, and room for a piece with the head before it and the tag behind.
class Worker {
 public:
  explicit Worker(const FrameFiles& files)
      : files_(files),
        cipher_(files.content_key, files.message_id),
        memory_(formats::kFinalHeadBytes + kPieceBytes + formats::kFrameTagBytes) {}

  Result<void> Seal(std::uint32_t index);
  Result<void> Open(std::uint32_t index);

 private:
  base::MutableByteSpan Memory() { return memory_.RevealMutable(); }

  const FrameFiles& files_;
  formats::FrameCipher cipher_;
  base::SecretBytes memory_;
};

// Head and tag travel with the first and last piece, which saves two calls a frame.
Result<void> Worker::Seal(std::uint32_t index) {
  const formats::Frame frame = files_.layout.At(index);
  std::uint64_t from = files_.layout.PlaintextOffset(index);
  std::uint64_t to = files_.layout.WireOffset(index);
  std::size_t head = frame.HeadBytes();
  formats::WriteFrameHead(frame, Memory().first(head));
  cipher_.StartSeal(frame);
  std::size_t left = frame.plaintext_bytes;
  do {
    const std::size_t n = std::min(left, kPieceBytes);
    const base::MutableByteSpan piece = Memory().subspan(head, n);
    TS_ASSIGN_OR_RETURN(const std::size_t got, ReadAt(files_.in, piece, from));
    if (got < n) return Error{ErrorCode::kConflict, "The file became shorter while it was read."};
    cipher_.Update(piece, piece);
    left -= n;
    std::size_t used = head + n;
    if (left == 0) {
      cipher_.FinishSeal(Memory().subspan(used).first<formats::kFrameTagBytes>());
      used += formats::kFrameTagBytes;
    }
    TS_RETURN_IF_ERROR(WriteAt(files_.out, Memory().first(used), to));
    from += n;
    to += used;
    head = 0;
  } while (left > 0);
  return {};
}

Result<void> Worker::Open(std::uint32_t index) {
  const formats::Frame frame = files_.layout.At(index);
  std::uint64_t from = files_.layout.WireOffset(index);
  std::uint64_t to = files_.layout.PlaintextOffset(index);
  std::size_t head = frame.HeadBytes();
  std::size_t left = frame.plaintext_bytes;
  do {
    const std::size_t n = std::min(left, kPieceBytes);
    const std::size_t tag = n == left ? formats::kFrameTagBytes : 0;
    const base::MutableByteSpan wire = Memory().first(head + n + tag);
    TS_ASSIGN_OR_RETURN(const std::size_t got, ReadAt(files_.in, wire, from));
    if (got < wire.size()) return DoesNotOpen(formats::TruncatedMessage());
    if (head > 0) {
      const auto found =
          formats::ParseFrameHead(wire.first(head), frame.sequence, files_.layout.frame_length());
      if (!found || *found != frame) return DecryptFailed();
      cipher_.StartOpen(frame);
    }
    const base::MutableByteSpan piece = wire.subspan(head, n);
    cipher_.Update(piece, piece);
    if (tag > 0 && !cipher_.FinishOpen(wire.last<formats::kFrameTagBytes>())) {
      return DecryptFailed();
    }
    TS_RETURN_IF_ERROR(WriteAt(files_.out, piece, to));
    from += wire.size();
    to += n;
    left -= n;
    head = 0;
  } while (left > 0);
  return {};
}

// Hands out frames, gathers progress and the first error.
class Distribution {
 public:
  Distribution(const FrameFiles& files, const FileOptions& options)
      : layout_(files.layout), options_(options) {}

  std::optional<std::uint32_t> Next() {
    if (stopped_.load(std::memory_order_relaxed)) return std::nullopt;
    const std::uint64_t index = next_.fetch_add(1, std::memory_order_relaxed);
    if (index >= layout_.frames()) return std::nullopt;
    return static_cast<std::uint32_t>(index);
  }

  void Done(std::uint32_t index) {
    if (!options_.progress) return;
    base::MutexLock lock(mutex_);
    done_bytes_ += layout_.At(index).plaintext_bytes;
    if (!options_.progress(done_bytes_, layout_.plaintext_bytes())) FailLocked(Interrupted());
  }

  void Fail(Error error) {
    base::MutexLock lock(mutex_);
    FailLocked(std::move(error));
  }

  Result<void> Outcome() {
    base::MutexLock lock(mutex_);
    if (error_) return *error_;
    return {};
  }

 private:
  void FailLocked(Error error) TS_REQUIRES(mutex_) {
    if (!error_) error_ = std::move(error);
    stopped_.store(true, std::memory_order_relaxed);
  }

  const formats::ContentLayout& layout_;
  const FileOptions& options_;
  std::atomic<std::uint64_t> next_{0};
  std::atomic<bool> stopped_{false};
  base::Mutex mutex_;
  std::uint64_t done_bytes_ TS_GUARDED_BY(mutex_) = 0;
  std::optional<Error> error_ TS_GUARDED_BY(mutex_);
};

using Step = Result<void> (Worker::*)(std::uint32_t);

void Work(const FrameFiles& files, Step step, Distribution& frames) {
  Worker worker(files);
  while (const auto index = frames.Next()) {
    auto outcome = (worker.*step)(*index);
    if (!outcome) return frames.Fail(std::move(outcome).error());
    frames.Done(*index);
  }
}

Result<void> Distribute(const FrameFiles& files, const FileOptions& options, Step step) {
  unsigned workers = options.workers;
  if (workers == 0) workers = std::min(std::thread::hardware_concurrency(), kWorkersMax);
  workers = std::clamp(workers, 1u, std::min(files.layout.frames(), 64u));
  Distribution frames(files, options);
  {
    std::vector<std::jthread> others;  // Joined at the end of the block.
    for (unsigned i = 1; i < workers; ++i) {
      others.emplace_back([&] { Work(files, step, frames); });
    }
    Work(files, step, frames);
  }
  return frames.Outcome();
}

}  // namespace

Result<void> SealFrames(const FrameFiles& files, const FileOptions& options) {
  return Distribute(files, options, &Worker::Seal);
}

Result<void> OpenFrames(const FrameFiles& files, const FileOptions& options) {
  return Distribute(files, options, &Worker::Open);
}

}  // namespace tenantseal::sdk
