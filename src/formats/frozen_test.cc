// Samples that were written once and must open, and be written the same way, for ever. The files
// of testdata/ may never change: each stands for content that somebody has stored. A new format
// gets new files beside them.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/file.h"
#include "formats/content_message.h"
#include "formats/formats_testing.h"

namespace tenantseal::formats {
namespace {

using base::Bytes;

struct Sample {
  std::string name;
  Bytes bytes;
};

// The key material and bindings of all samples. May never change either.
struct Known {
  base::Secret256 tenant_key = TestKey(1001);
  base::Secret256 data_key = TestKey(1002);
  model::TenantId tenant = model::TenantId::Parse("Frozen_Tenant-0123456789abcdefgh").value();
  model::Fingerprint fingerprint =
      model::Fingerprint::Parse("0123456789abcdef0123456789abcdef").value();
  model::EncryptionContext context =
      model::EncryptionContext::Make(tenant,
                                     {{"App", "sales"}, {"\xC3\xA9t\xC3\xA9", "\xE2\x82\xAC 5"}})
          .value();
  model::EncryptionContext bare = model::EncryptionContext::Make(tenant, {}).value();
  model::DataKeyId id = model::DataKeyId::Parse("Frozen_Key-01234567890").value();
  Bytes plaintext = RandomBytes(300, 1003);
};

Bytes TextBytes(const std::string& text) { return base::ToBytes(base::AsBytes(text)); }

struct ContentShape {
  const char* name;
  std::size_t bytes;
  std::uint32_t frame_length;
  bool bare;
};
const ContentShape kShapes[] = {
    {"content-empty", 0, 4096, true},
    {"content-one-short-frame", 10, 4096, false},
    {"content-one-full-frame", 64, 64, false},
    {"content-full-last-frame", 192, 64, true},
    {"content-short-last-frame", 300, 64, false},
    {"content-frames-of-one-byte", 5, 1, false},
};

std::string WrappedSample(const Known& known) {
  return WrapDataKey(known.tenant_key, 1, {known.tenant, known.fingerprint, known.context}, nullptr,
                     known.data_key, base::FakeRandom(2001));
}

std::vector<Sample> MakeSamples() {
  const Known known;
  const Binding binding{known.tenant, known.fingerprint, known.context};
  const Binding bare{known.tenant, known.fingerprint, known.bare};
  std::vector<Sample> samples;
  samples.push_back({"wrapped-key", TextBytes(WrappedSample(known))});
  samples.push_back(
      {"managed-wrapped-key", TextBytes(WrapDataKey(known.tenant_key, 0x01020304, bare, &known.id,
                                                    known.data_key, base::FakeRandom(2002)))});
  samples.push_back({"value", TextBytes(SealValue(known.tenant_key, 3, binding, known.plaintext,
                                                  base::FakeRandom(2003)))});
  samples.push_back(
      {"value-empty", TextBytes(SealValue(known.tenant_key, 1, bare, {}, base::FakeRandom(2004)))});
  std::uint64_t seed = 2100;
  for (const ContentShape& shape : kShapes) {
    const std::string wrapped = WrappedSample(known);
    samples.push_back(
        {shape.name, SealMessage({known.tenant, wrapped, shape.bare ? known.bare : known.context,
                                  shape.frame_length},
                                 known.data_key, base::ByteSpan(known.plaintext).first(shape.bytes),
                                 base::FakeRandom(seed++))
                         .value()});
  }
  samples.push_back({"check-value", TenantKeyCheckValue(known.tenant_key, known.tenant, 5)});
  return samples;
}

std::string PathOf(const std::string& name) {
  return std::string(TENANTSEAL_TESTDATA) + "/" + name;
}

Bytes Load(const std::string& name) {
  auto file = base::ReadFile(PathOf(name), 1 << 20);
  EXPECT_TRUE(file.ok()) << "The sample " << name << " is missing.";
  return file.ok() ? base::ToBytes(file->Reveal()) : Bytes{};
}

TEST(Frozen, SamplesAreStillWrittenByteForByte) {
  for (const Sample& sample : MakeSamples()) {
    EXPECT_EQ(base::HexEncode(Load(sample.name)), base::HexEncode(sample.bytes)) << sample.name;
  }
}

TEST(Frozen, KeysAndValuesStillOpen) {
  const Known known;
  const Bytes wrapped = Load("wrapped-key"), managed = Load("managed-wrapped-key");
  EXPECT_EQ(
      UnwrapDataKey(known.tenant_key, known.tenant, known.context, nullptr, base::AsText(wrapped))
          .value(),
      known.data_key);
  EXPECT_EQ(
      UnwrapDataKey(known.tenant_key, known.tenant, known.bare, &known.id, base::AsText(managed))
          .value(),
      known.data_key);
  EXPECT_EQ(ParseWrappedKey(base::AsText(managed))->version, 0x01020304u);
  const Bytes value = Load("value"), empty = Load("value-empty");
  EXPECT_EQ(
      base::ToBytes(
          OpenValue(known.tenant_key, known.tenant, known.context, base::AsText(value))->Reveal()),
      known.plaintext);
  EXPECT_TRUE(OpenValue(known.tenant_key, known.tenant, known.bare, base::AsText(empty))->empty());
}

TEST(Frozen, ContentStillOpens) {
  const Known known;
  for (const ContentShape& shape : kShapes) {
    const Bytes message = Load(shape.name);
    const auto header = ParseWholeContentHeader(message);
    ASSERT_TRUE(header.ok()) << shape.name;
    EXPECT_EQ(header->ParseContext().value(), shape.bare ? known.bare : known.context);
    const auto opened = OpenMessage(*header, known.data_key, message);
    ASSERT_TRUE(opened.ok()) << shape.name;
    EXPECT_EQ(base::HexEncode(opened->Reveal()),
              base::HexEncode(base::ByteSpan(known.plaintext).first(shape.bytes)));
  }
}

// Run by hand after a sample has been added: writes what is missing, never what is there.
TEST(Frozen, DISABLED_WriteMissingSamples) {
  for (const Sample& sample : MakeSamples()) {
    if (base::FileExists(PathOf(sample.name))) continue;
    ASSERT_TRUE(base::WriteFileAtomically(PathOf(sample.name), sample.bytes).ok());
  }
}

}  // namespace
}  // namespace tenantseal::formats
