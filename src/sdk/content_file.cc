// Content in files.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/result.h"
#include "formats/content_frame.h"
#include "formats/content_header.h"
#include "formats/envelope.h"
#include "sdk/data_key_cache.h"
#include "sdk/fd_io.h"
#include "sdk/frame_files.h"
#include "sdk/message.h"
#include "sdk/output_file.h"
#include "tenantseal/content.h"

namespace tenantseal {
namespace {

struct InputFile {
  base::UniqueFd fd;
  std::uint64_t size = 0;
};

Result<InputFile> OpenInput(const std::string& path) {
  InputFile out;
  // Not blocking, lest a named pipe without a writer hangs before it can be refused.
  out.fd = base::UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!out.fd.valid()) return sdk::LocalFileError("open", path);
  struct stat info {};
  if (::fstat(out.fd.get(), &info) != 0) return sdk::LocalFileError("stat", path);
  if (S_ISDIR(info.st_mode)) {
    return InvalidArgument("input", path + " is a directory; give a file.");
  }
  if (!S_ISREG(info.st_mode)) {
    return InvalidArgument("input",
                           path + " is not a regular file; save its content in one first.");
  }
  out.size = static_cast<std::uint64_t>(info.st_size);
  return out;
}

// Whether there is more in the file than it said when it was opened: it has grown, or it is one of
// those that say nothing of what they hold, such as the files of /proc.
Result<bool> HoldsMore(const InputFile& in) {
  std::array<std::uint8_t, 1> next;
  TS_ASSIGN_OR_RETURN(const std::size_t got, sdk::ReadAt(in.fd.get(), next, in.size));
  return got > 0;
}

// The header of a file, and the memory that it points into.
struct FileHeader {
  base::Bytes memory;
  formats::ContentHeader header;
};

Result<FileHeader> ReadHeader(const InputFile& in) {
  FileHeader out;
  out.memory.resize(std::min<std::uint64_t>(in.size, formats::kContentHeaderBytesMax));
  TS_ASSIGN_OR_RETURN(const std::size_t got, sdk::ReadAt(in.fd.get(), out.memory, 0));
  out.memory.resize(got);
  TS_ASSIGN_OR_RETURN(out.header, formats::ParseWholeContentHeader(out.memory));
  return out;
}

// A message in a file, ready to have its frames opened.
struct FileMessage {
  InputFile file;
  sdk::FoundMessage message;
  formats::ContentLayout layout;
};

Result<FileMessage> OpenFileMessage(const std::string& path, sdk::DataKeyCache& cache,
                                    const Context::Pairs& required) {
  TS_ASSIGN_OR_RETURN(InputFile file, OpenInput(path));
  auto header = ReadHeader(file);
  if (!header) return sdk::DoesNotOpen(std::move(header).error());
  auto layout = formats::ContentLayout::ForMessage(header->header.bytes.size(),
                                                   header->header.frame_length, file.size);
  if (!layout) return sdk::DoesNotOpen(std::move(layout).error());
  TS_ASSIGN_OR_RETURN(sdk::FoundMessage message, sdk::OpenMessage(header->header, cache, required));
  return FileMessage{std::move(file), std::move(message), *layout};
}

// Reads and verifies frames one by one, in memory for one.
class FrameReader {
 public:
  explicit FrameReader(const FileMessage& message)
      : message_(message),
        cipher_(message.message.content_key, message.message.id),
        memory_(formats::kFinalHeadBytes + formats::kFrameTagBytes +
                message.layout.frame_plaintext_bytes_max()) {}

  // The frame's plaintext, valid until the next call. DecryptFailed() when it does not verify.
  Result<base::ByteSpan> Read(std::uint32_t index) {
    const formats::ContentLayout& layout = message_.layout;
    const formats::Frame frame = layout.At(index);
    const auto wire = memory_.RevealMutable().first(frame.WireBytes());
    TS_ASSIGN_OR_RETURN(const std::size_t got,
                        sdk::ReadAt(message_.file.fd.get(), wire, layout.WireOffset(index)));
    if (got < wire.size()) return sdk::DoesNotOpen(formats::TruncatedMessage());
    const auto head = formats::ParseFrameHead(wire, frame.sequence, layout.frame_length());
    const auto plaintext = wire.subspan(frame.HeadBytes(), frame.plaintext_bytes);
    if (!head || *head != frame || !cipher_.Open(frame, wire, plaintext)) return DecryptFailed();
    return base::ByteSpan(plaintext);
  }

 private:
  const FileMessage& message_;
  formats::FrameCipher cipher_;
  base::SecretBytes memory_;
};

// A new data key for content whose only copy it is about to seal: what the source handed out is
// asked back, so that nothing is replaced by what nobody could open.
Result<sdk::CachedKeyPtr> NewKeyThatOpens(const DataKeySource& keys, const sdk::DataKeyCache& cache,
                                          const Context& context) {
  TS_ASSIGN_OR_RETURN(sdk::CachedKeyPtr fresh, cache.Fresh(context));
  TS_ASSIGN_OR_RETURN(const DataKey again, keys.Unwrap(fresh->wrapped, context));
  if (!base::ConstantTimeEqual(again.plaintext.Reveal(), fresh->plaintext.Reveal())) {
    return IntegrityError("The service unwrapped a new data key as another key.");
  }
  return fresh;
}

// Seals a file whose size is not known before its end.
Result<std::uint64_t> SealToItsEnd(const Content& content, const InputFile& in,
                                   const std::string& out, const Context& context,
                                   const FileOptions& options) {
  TS_ASSIGN_OR_RETURN(sdk::OutputFile output,
                      sdk::OutputFile::Create(out, sdk::OutputFile::Mode::kByUmask));
  TS_ASSIGN_OR_RETURN(const std::uint64_t bytes,
                      content.SealStream(ReadFrom(in.fd.get()), WriteTo(output.fd()), context,
                                         {.progress = options.progress}));
  TS_RETURN_IF_ERROR(output.Commit(options.sync));
  return bytes;
}

}  // namespace

Result<std::uint64_t> Content::SealFile(const std::string& in, const std::string& out,
                                        const Context& context, const FileOptions& options) const {
  TS_ASSIGN_OR_RETURN(const InputFile file, OpenInput(in));
  if (file.size == 0) {
    TS_ASSIGN_OR_RETURN(const bool holds_something, HoldsMore(file));
    if (holds_something) return SealToItsEnd(*this, file, out, context, options);
  }
  TS_ASSIGN_OR_RETURN(const sdk::CachedKeyPtr key, cache_->ForSealing(context, file.size));
  TS_ASSIGN_OR_RETURN(const sdk::NewMessage message, sdk::StartMessage(*key, kFrameBytes));
  TS_ASSIGN_OR_RETURN(const auto layout, formats::ContentLayout::ForPlaintext(
                                             message.header.size(), kFrameBytes, file.size));
  TS_ASSIGN_OR_RETURN(sdk::OutputFile output,
                      sdk::OutputFile::Create(out, sdk::OutputFile::Mode::kByUmask));
  TS_RETURN_IF_ERROR(output.Reserve(layout.message_bytes()));
  TS_RETURN_IF_ERROR(sdk::WriteAt(output.fd(), message.header, 0));
  TS_RETURN_IF_ERROR(sdk::SealFrames(
      {file.fd.get(), output.fd(), layout, message.content_key, message.id}, options));
  TS_ASSIGN_OR_RETURN(const bool longer, HoldsMore(file));
  struct stat now {};
  if (longer || ::fstat(file.fd.get(), &now) != 0 ||
      static_cast<std::uint64_t>(now.st_size) != file.size) {
    return Error{ErrorCode::kConflict, in + " changed its size while it was read."};
  }
  TS_RETURN_IF_ERROR(output.Commit(options.sync));
  return file.size;
}

Result<std::uint64_t> Content::OpenFile(const std::string& in, const std::string& out,
                                        const Context::Pairs& required,
                                        const FileOptions& options) const {
  TS_ASSIGN_OR_RETURN(const FileMessage found, OpenFileMessage(in, *cache_, required));
  TS_ASSIGN_OR_RETURN(sdk::OutputFile output,
                      sdk::OutputFile::Create(out, sdk::OutputFile::Mode::kPrivate));
  TS_RETURN_IF_ERROR(output.Reserve(found.layout.plaintext_bytes()));
  TS_RETURN_IF_ERROR(sdk::OpenFrames(
      {found.file.fd.get(), output.fd(), found.layout, found.message.content_key, found.message.id},
      options));
  TS_RETURN_IF_ERROR(output.Commit(options.sync));
  return found.layout.plaintext_bytes();
}

Result<std::uint64_t> Content::OpenRange(const std::string& in, ByteRange range,
                                         const WriteFunction& write,
                                         const Context::Pairs& required) const {
  TS_ASSIGN_OR_RETURN(const FileMessage found, OpenFileMessage(in, *cache_, required));
  const std::uint64_t begin = std::min(range.offset, found.layout.plaintext_bytes());
  const std::uint64_t end = begin + std::min(range.length, found.layout.plaintext_bytes() - begin);
  FrameReader reader(found);
  // Where the content ends is only what the file's size implies until the final frame has said so.
  if (end == found.layout.plaintext_bytes()) {
    TS_RETURN_IF_ERROR(reader.Read(found.layout.frames() - 1));
  }
  const auto frames = found.layout.Holding(begin, end);
  for (std::uint32_t i = frames.first; i < frames.first + frames.count; ++i) {
    TS_ASSIGN_OR_RETURN(const base::ByteSpan plaintext, reader.Read(i));
    const std::uint64_t at = found.layout.PlaintextOffset(i);
    const std::uint64_t from = std::max(begin, at) - at;
    const std::uint64_t to = std::min(end, at + plaintext.size()) - at;
    TS_RETURN_IF_ERROR(write(plaintext.subspan(from, to - from)));
  }
  return end - begin;
}

Result<bool> Content::RewrapFile(const std::string& path, const Context::Pairs& required,
                                 const FileOptions& options) const {
  TS_ASSIGN_OR_RETURN(const InputFile file, OpenInput(path));
  auto found = ReadHeader(file);
  if (!found) return sdk::DoesNotOpen(std::move(found).error());
  const formats::ContentHeader& header = found->header;
  if (header.frame_length == formats::kSingleBlock) {
    return InvalidArgument("message", path + " is not framed; open it and seal it again instead.");
  }
  auto layout =
      formats::ContentLayout::ForMessage(header.bytes.size(), header.frame_length, file.size);
  if (!layout) return sdk::DoesNotOpen(std::move(layout).error());
  TS_ASSIGN_OR_RETURN(const sdk::CachedKeyPtr key, cache_->ForOpening(header));
  TS_ASSIGN_OR_RETURN(const sdk::FoundMessage old, sdk::OpenMessage(header, *key, required));
  TS_ASSIGN_OR_RETURN(const RewrappedKey rewrapped, keys_->Rewrap(key->wrapped, key->context));
  if (!rewrapped.changed) return false;
  if (header.data_key_count > 1) {
    return InvalidArgument("message", path + " has data keys of other providers too, which would " +
                                          "be lost; open it and seal it again instead.");
  }
  TS_ASSIGN_OR_RETURN(const sdk::CachedKeyPtr fresh,
                      NewKeyThatOpens(*keys_, *cache_, key->context));
  TS_ASSIGN_OR_RETURN(const sdk::NewMessage renewed,
                      sdk::StartMessage(*fresh, header.frame_length));
  // The same frames, shifted; not ForPlaintext(), since another SDK's last frame may be empty.
  TS_ASSIGN_OR_RETURN(
      const auto renewed_layout,
      formats::ContentLayout::ForMessage(renewed.header.size(), header.frame_length,
                                         file.size - header.bytes.size() + renewed.header.size()));
  TS_ASSIGN_OR_RETURN(sdk::OutputFile output,
                      sdk::OutputFile::Create(path, sdk::OutputFile::Mode::kPrivate));
  TS_RETURN_IF_ERROR(output.CopyPermissions(file.fd.get()));
  TS_RETURN_IF_ERROR(output.Reserve(renewed_layout.message_bytes()));
  TS_RETURN_IF_ERROR(sdk::WriteAt(output.fd(), renewed.header, 0));
  TS_RETURN_IF_ERROR(sdk::ResealFrames(
      {file.fd.get(), -1, *layout, old.content_key, old.id},
      {-1, output.fd(), renewed_layout, renewed.content_key, renewed.id}, options));
  // The only copy is replaced: durably, or not at all.
  TS_RETURN_IF_ERROR(output.Commit(true));
  return true;
}

Result<ContentDescription> Inspect(const std::string& path) {
  TS_ASSIGN_OR_RETURN(const InputFile file, OpenInput(path));
  TS_ASSIGN_OR_RETURN(const FileHeader found, ReadHeader(file));
  const formats::ContentHeader& header = found.header;
  TS_ASSIGN_OR_RETURN(const model::EncryptionContext context, header.ParseContext());
  ContentDescription out;
  out.format_version = header.bytes[0];
  out.suite = static_cast<std::uint16_t>(header.bytes[1] << 8 | header.bytes[2]);
  out.context = context.pairs();
  out.tenant_id = *context.Find(model::EncryptionContext::kTenantIdKey);
  if (const auto* own = header.TenantsealKey()) {
    if (const auto label = formats::ParseWrappedKey(own->ciphertext)) {
      out.provider_fingerprint = label->fingerprint.text();
      out.tenant_key_version = label->version;
    }
  }
  out.frame_bytes = header.frame_length;
  out.header_bytes = header.bytes.size();
  out.message_bytes = file.size;
  if (const auto layout = formats::ContentLayout::ForMessage(out.header_bytes, out.frame_bytes,
                                                             out.message_bytes)) {
    out.plaintext_bytes = layout->plaintext_bytes();
  }
  return out;
}

}  // namespace tenantseal
