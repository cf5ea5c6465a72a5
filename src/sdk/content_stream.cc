// Content on streams: this thread reads and works, another writes.
#include "formats/content_stream.h"

#include "base/random.h"
#include "base/result.h"
#include "sdk/data_key_cache.h"
#include "sdk/message.h"
#include "sdk/write_behind.h"
#include "tenantseal/content.h"

namespace tenantseal {
namespace {

constexpr std::size_t kPieceBytes = 64 << 10;

// Feeds everything that `read` yields to `take`; returns the bytes fed.
template <typename Take>
Result<std::uint64_t> FeedAll(const ReadFunction& read, const StreamOptions& options, Take take) {
  base::SecretBytes piece(kPieceBytes);
  std::uint64_t done = 0;
  for (std::size_t n = kPieceBytes; n == kPieceBytes;) {
    TS_ASSIGN_OR_RETURN(n, read(piece.RevealMutable()));
    if (n > kPieceBytes) return Internal("The read function returned more than it was asked for.");
    TS_RETURN_IF_ERROR(take(piece.Reveal().first(n)));
    done += n;
    if (options.progress && !options.progress(done, options.size_hint)) return sdk::Interrupted();
  }
  return done;
}

// Says how far an output got that cannot be taken back.
Error WithExtent(Error error, std::uint64_t released, bool whole) {
  if (released == 0) return error;
  const std::string bytes = std::to_string(released) + " bytes";
  error.message +=
      whole ? " The output holds the whole content, " + bytes + ", all of it authentic."
            : " The output ends early: its first " + bytes + " are authentic, the rest is missing.";
  return error;
}

}  // namespace

Result<std::uint64_t> Content::SealStream(const ReadFunction& read, const WriteFunction& write,
                                          const Context& context,
                                          const StreamOptions& options) const {
  TS_ASSIGN_OR_RETURN(const sdk::CachedKeyPtr key, cache_->Fresh(context));
  TS_ASSIGN_OR_RETURN(
      const auto sealer,
      formats::ContentSealer::New({key->tenant, key->wrapped, context.inner(), kFrameBytes},
                                  key->plaintext, base::SystemRandom()));
  sdk::WriteBehind writer(write);
  const formats::ByteSink sink = [&](base::ByteSpan bytes) { return writer.Put(bytes); };
  TS_ASSIGN_OR_RETURN(const std::uint64_t done, FeedAll(read, options, [&](base::ByteSpan bytes) {
                        return sealer->Push(bytes, sink);
                      }));
  TS_RETURN_IF_ERROR(sealer->Finish(sink));
  TS_RETURN_IF_ERROR(writer.Finish());
  return done;
}

Result<std::uint64_t> Content::OpenStream(const ReadFunction& read, const WriteFunction& write,
                                          const Context::Pairs& required,
                                          const StreamOptions& options) const {
  formats::ContentOpener opener(
      [&](const formats::ContentHeader& header) -> Result<base::Secret256> {
        TS_ASSIGN_OR_RETURN(const sdk::CachedKeyPtr key, cache_->ForOpening(header));
        if (!sdk::HoldsAll(key->context, required)) return DecryptFailed();
        return key->plaintext.Copy();
      });
  std::uint64_t released = 0;  // The writer's until it has finished.
  const WriteFunction counted = [&](ConstBytes bytes) -> Result<void> {
    TS_RETURN_IF_ERROR(write(bytes));
    released += bytes.size();
    return {};
  };
  sdk::WriteBehind writer(counted);
  const formats::ByteSink sink = [&](base::ByteSpan bytes) { return writer.Put(bytes); };
  auto fed = FeedAll(read, options, [&](base::ByteSpan bytes) { return opener.Push(bytes, sink); });
  Result<void> outcome;
  if (!fed) outcome = fed.error();
  if (outcome) outcome = opener.Finish();
  // What was verified before a failure is released nevertheless: the error says how much it is.
  auto written = writer.Finish();
  if (outcome && !written) outcome = written.error();
  if (!outcome) {
    return WithExtent(sdk::DoesNotOpen(std::move(outcome).error()), released,
                      opener.whole() && written);
  }
  return released;
}

}  // namespace tenantseal
