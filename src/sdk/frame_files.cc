#include "sdk/frame_files.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "sdk/fd_io.h"
#include "sdk/message.h"

namespace tenantseal::sdk {
namespace {

constexpr std::size_t kPieceBytes = 256 << 10;
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

// Opens frames of one message and seals them at once into another.
class Resealer {
 public:
  Resealer(const FrameFiles& from, const FrameFiles& to)
      : from_(from),
        to_(to),
        opening_(from.content_key, from.message_id),
        sealing_(to.content_key, to.message_id),
        memory_(formats::kFinalHeadBytes + kPieceBytes + formats::kFrameTagBytes) {}

  Result<void> Reseal(std::uint32_t index);

 private:
  const FrameFiles& from_;
  const FrameFiles& to_;
  formats::FrameCipher opening_;
  formats::FrameCipher sealing_;
  base::SecretBytes memory_;
};

// A frame has the same length in both messages, so every piece is replaced where it lies in memory.
Result<void> Resealer::Reseal(std::uint32_t index) {
  const formats::Frame frame = from_.layout.At(index);
  std::uint64_t from = from_.layout.WireOffset(index);
  std::uint64_t to = to_.layout.WireOffset(index);
  std::size_t head = frame.HeadBytes();
  std::size_t left = frame.plaintext_bytes;
  do {
    const std::size_t n = std::min(left, kPieceBytes);
    const std::size_t tag = n == left ? formats::kFrameTagBytes : 0;
    const base::MutableByteSpan wire = memory_.RevealMutable().first(head + n + tag);
    TS_ASSIGN_OR_RETURN(const std::size_t got, ReadAt(from_.in, wire, from));
    if (got < wire.size()) return DoesNotOpen(formats::TruncatedMessage());
    if (head > 0) {
      const auto found =
          formats::ParseFrameHead(wire.first(head), frame.sequence, from_.layout.frame_length());
      if (!found || *found != frame) return DecryptFailed();
      opening_.StartOpen(frame);
      sealing_.StartSeal(frame);
    }
    const base::MutableByteSpan piece = wire.subspan(head, n);
    opening_.Update(piece, piece);
    if (tag > 0 && !opening_.FinishOpen(wire.last<formats::kFrameTagBytes>())) {
      return DecryptFailed();
    }
    sealing_.Update(piece, piece);
    if (tag > 0) sealing_.FinishSeal(wire.last<formats::kFrameTagBytes>());
    TS_RETURN_IF_ERROR(WriteAt(to_.out, wire, to));
    from += wire.size();
    to += wire.size();
    left -= n;
    head = 0;
  } while (left > 0);
  return {};
}

// Hands out frames, gathers progress and the first error.
class Distribution {
 public:
  Distribution(const formats::ContentLayout& layout, const FileOptions& options)
      : layout_(layout), options_(options) {}

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

// What is done with each frame, by one worker.
using Step = std::function<Result<void>(std::uint32_t index)>;

void Work(const Step& step, Distribution& frames) {
  while (const auto index = frames.Next()) {
    auto outcome = step(*index);
    if (!outcome) return frames.Fail(std::move(outcome).error());
    frames.Done(*index);
  }
}

// `run` makes a worker and calls Work() with what it does; called once a thread.
Result<void> Distribute(const formats::ContentLayout& layout, const FileOptions& options,
                        const std::function<void(Distribution&)>& run) {
  unsigned workers = options.workers;
  if (workers == 0) workers = std::min(std::thread::hardware_concurrency(), kWorkersMax);
  workers = std::clamp(workers, 1u, std::min(layout.frames(), 64u));
  Distribution frames(layout, options);
  {
    std::vector<std::jthread> others;  // Joined at the end of the block.
    for (unsigned i = 1; i < workers; ++i) others.emplace_back([&] { run(frames); });
    run(frames);
  }
  return frames.Outcome();
}

}  // namespace

Result<void> SealFrames(const FrameFiles& files, const FileOptions& options) {
  return Distribute(files.layout, options, [&](Distribution& frames) {
    Worker worker(files);
    Work([&](std::uint32_t index) { return worker.Seal(index); }, frames);
  });
}

Result<void> OpenFrames(const FrameFiles& files, const FileOptions& options) {
  return Distribute(files.layout, options, [&](Distribution& frames) {
    Worker worker(files);
    Work([&](std::uint32_t index) { return worker.Open(index); }, frames);
  });
}

Result<void> ResealFrames(const FrameFiles& from, const FrameFiles& to,
                          const FileOptions& options) {
  return Distribute(from.layout, options, [&](Distribution& frames) {
    Resealer resealer(from, to);
    Work([&](std::uint32_t index) { return resealer.Reseal(index); }, frames);
  });
}

}  // namespace tenantseal::sdk
