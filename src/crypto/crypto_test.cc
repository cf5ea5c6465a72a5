// Known answers, and agreement with OpenSSL's own slower constructions.
#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <thread>

#include "base/encoding.h"
#include "base/random.h"
#include "crypto/aes_gcm.h"
#include "crypto/digest.h"
#include "crypto/ed25519.h"
#include "crypto/hmac.h"
#include "crypto/kdf.h"

namespace tenantseal::crypto {
namespace {

using base::AsBytes;
using base::Bytes;
using base::HexEncode;

Bytes Hex(std::string_view text) { return base::HexDecode(text).value(); }

Bytes RandomBytes(std::size_t n, std::uint64_t seed) {
  Bytes out(n);
  base::FakeRandom(seed).Fill(out);
  return out;
}

template <typename Array>
Array HexArray(std::string_view text) {
  const Bytes bytes = Hex(text);
  Array out{};
  EXPECT_EQ(bytes.size(), out.size());
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

base::Secret256 Key(std::string_view hex) {
  return base::Secret256(HexArray<std::array<std::uint8_t, 32>>(hex));
}

// Runs one of OpenSSL's KDFs as the reference.
Bytes OpensslKdf(const char* name, std::vector<OSSL_PARAM> params, std::size_t size) {
  params.push_back(OSSL_PARAM_construct_end());
  EVP_KDF* kdf = EVP_KDF_fetch(nullptr, name, nullptr);
  EVP_KDF_CTX* context = EVP_KDF_CTX_new(kdf);
  Bytes out(size);
  EXPECT_EQ(EVP_KDF_derive(context, out.data(), out.size(), params.data()), 1);
  EVP_KDF_CTX_free(context);
  EVP_KDF_free(kdf);
  return out;
}

OSSL_PARAM Text(const char* name, const char* value) {
  return OSSL_PARAM_construct_utf8_string(name, const_cast<char*>(value), 0);
}
OSSL_PARAM Octets(const char* name, base::ByteSpan value) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(value.data()),
                                           value.size());
}

TEST(Sha256, KnownAnswers) {
  EXPECT_EQ(HexEncode(Sha256(base::ByteSpan{})),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(HexEncode(Sha256(AsBytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256({AsBytes("a"), AsBytes(""), AsBytes("bc")}), Sha256(AsBytes("abc")));
}

TEST(Hmac, Rfc4231) {
  EXPECT_EQ(HexEncode(HmacSha256(Bytes(20, 0x0b), AsBytes("Hi There"))),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(HexEncode(HmacSha256(AsBytes("Jefe"), AsBytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(HexEncode(HmacSha256(Bytes(20, 0xaa), Bytes(50, 0xdd))),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  EXPECT_EQ(
      HexEncode(HmacSha256(Bytes(131, 0xaa),
                           AsBytes("Test Using Larger Than Block-Size Key - Hash Key First"))),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(HmacSha256(AsBytes("Jefe"), {AsBytes("what do ya "), AsBytes("want for nothing?")}),
            HmacSha256(AsBytes("Jefe"), AsBytes("what do ya want for nothing?")));
}

TEST(CounterKdf, AgreesWithOpensslForEverySize) {
  for (std::size_t size = 1; size <= 64; ++size) {
    const Bytes key = RandomBytes(1 + size % 80, size),
                context = RandomBytes(size * 3 % 101 + (size % 5 == 0 ? 200 : 0), size + 100);
    const std::string label = "label-" + std::to_string(size);
    Bytes out(size);
    CounterKdf(key, label, context, out);
    EXPECT_EQ(out,
              OpensslKdf("KBKDF",
                         {Text(OSSL_KDF_PARAM_DIGEST, "SHA256"), Text(OSSL_KDF_PARAM_MAC, "HMAC"),
                          Text(OSSL_KDF_PARAM_MODE, "COUNTER"), Octets(OSSL_KDF_PARAM_KEY, key),
                          Octets(OSSL_KDF_PARAM_SALT, AsBytes(label)),
                          Octets(OSSL_KDF_PARAM_INFO, context)},
                         size))
        << size;
  }
}

TEST(CounterKdf, LabelAndContextAreKeptApart) {
  const Bytes key(32, 1);
  Bytes a(32), b(32);
  CounterKdf(key, "ab", AsBytes("c"), a);
  CounterKdf(key, "a", AsBytes("bc"), b);
  EXPECT_NE(a, b);
}

TEST(Hkdf, AgreesWithOpenssl) {
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    const Bytes raw = RandomBytes(32, seed), salt = RandomBytes(seed == 1 ? 0 : 32, seed + 50);
    const Bytes infos[] = {RandomBytes(seed, seed + 100), RandomBytes(seed * 7 % 13, seed + 150)};
    const HkdfPair pair = HkdfSha512Pair(base::Secret256(std::span<const std::uint8_t, 32>(raw)),
                                         salt, infos[0], infos[1]);
    const base::ByteSpan got[] = {pair.first.Reveal(), pair.second.Reveal()};
    for (int i = 0; i < 2; ++i) {
      std::vector<OSSL_PARAM> params = {Text(OSSL_KDF_PARAM_DIGEST, "SHA512"),
                                        Octets(OSSL_KDF_PARAM_KEY, raw),
                                        Octets(OSSL_KDF_PARAM_INFO, infos[i])};
      if (!salt.empty()) params.push_back(Octets(OSSL_KDF_PARAM_SALT, salt));
      EXPECT_EQ(base::ToBytes(got[i]), OpensslKdf("HKDF", params, 32)) << seed;
    }
  }
}

struct GcmCase {
  const char* key;
  const char* nonce;
  const char* associated_data;
  const char* plaintext;
  const char* ciphertext;
  const char* tag;
};
// Test cases 13, 14 and 16 of "The Galois/Counter Mode of Operation", submitted to NIST.
const GcmCase kGcmCases[] = {
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
     "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
     "", "00000000000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18",
     "d0d1c8a799996bf0265b98b5d48ab919"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b"
     "525b1"
     "6aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828"
     "838c5"
     "f61e6393ba7a0abcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
};

TEST(Gcm, KnownAnswers) {
  for (const GcmCase& c : kGcmCases) {
    const base::Secret256 key = Key(c.key);
    const GcmNonce nonce = HexArray<GcmNonce>(c.nonce);
    const Bytes plaintext = Hex(c.plaintext);
    Bytes out(plaintext.size());
    GcmTag tag;
    GcmSeal(key, nonce, Hex(c.associated_data), plaintext, out, tag);
    EXPECT_EQ(HexEncode(out), c.ciphertext);
    EXPECT_EQ(HexEncode(tag), c.tag);
    ASSERT_TRUE(GcmOpen(key, nonce, Hex(c.associated_data), out, tag, out));  // In place.
    EXPECT_EQ(out, plaintext);
  }
}

TEST(Gcm, AFailedOpenWipesTheOutput) {
  const base::Secret256 key = Key(kGcmCases[2].key);
  const GcmNonce nonce{};
  const Bytes plaintext(100, 7), associated = Hex("0102");
  Bytes sealed(100);
  GcmTag tag;
  GcmSeal(key, nonce, associated, plaintext, sealed, tag);
  const auto opens = [&](const base::Secret256& k, const GcmNonce& n, const Bytes& ad,
                         const Bytes& text, const GcmTag& t) {
    Bytes out(100, 9);
    const bool ok = GcmOpen(k, n, ad, text, t, out);
    EXPECT_EQ(out, ok ? plaintext : Bytes(100, 0));
    return ok;
  };
  EXPECT_TRUE(opens(key, nonce, associated, sealed, tag));
  EXPECT_FALSE(opens(key, nonce, Hex("0103"), sealed, tag));
  EXPECT_FALSE(opens(key, GcmNonce{1}, associated, sealed, tag));
  EXPECT_FALSE(opens(Key(kGcmCases[0].key), nonce, associated, sealed, tag));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    Bytes bad = sealed;
    bad[i] ^= 1;
    EXPECT_FALSE(opens(key, nonce, associated, bad, tag)) << i;
  }
  for (std::size_t i = 0; i < tag.size(); ++i) {
    GcmTag bad = tag;
    bad[i] ^= 0x80;
    EXPECT_FALSE(opens(key, nonce, associated, sealed, bad)) << i;
  }
}

TEST(GcmStream, PiecesEqualTheWhole) {
  const base::Secret256 key = Key(kGcmCases[2].key);
  const Bytes plaintext = RandomBytes(100'000, 3), associated = RandomBytes(40, 4);
  GcmStream stream(key);
  for (std::size_t piece : {1'000u, 4'096u, 99'999u, 100'000u, 333u}) {
    GcmNonce nonce{static_cast<std::uint8_t>(piece)};
    Bytes whole(plaintext.size()), pieces(plaintext.size()), opened(plaintext.size());
    GcmTag whole_tag, tag;
    GcmSeal(key, nonce, associated, plaintext, whole, whole_tag);
    const auto feed = [&](base::ByteSpan in, base::MutableByteSpan out) {
      for (std::size_t at = 0; at < in.size(); at += piece) {
        const std::size_t n = std::min(piece, in.size() - at);
        stream.Update(in.subspan(at, n), out.subspan(at, n));
      }
    };
    stream.StartSeal(nonce, associated);
    feed(plaintext, pieces);
    stream.FinishSeal(tag);
    EXPECT_EQ(pieces, whole);
    EXPECT_EQ(tag, whole_tag);
    stream.StartOpen(nonce, associated);
    feed(pieces, opened);
    EXPECT_TRUE(stream.FinishOpen(tag));
    EXPECT_EQ(opened, plaintext);
    tag[0] ^= 1;
    stream.StartOpen(nonce, associated);
    feed(pieces, opened);
    EXPECT_FALSE(stream.FinishOpen(tag));
  }
}

TEST(GcmStream, AnotherKeyTakesTheOldOnesPlace) {
  const base::Secret256 a = Key(kGcmCases[0].key), b = Key(kGcmCases[2].key);
  GcmStream stream(a);
  stream.ForgetKey();
  stream.SetKey(b);
  GcmTag tag, expected;
  stream.StartSeal({}, AsBytes("x"));
  stream.FinishSeal(tag);
  GcmSeal(b, {}, AsBytes("x"), {}, {}, expected);
  EXPECT_EQ(tag, expected);
}

TEST(Ed25519, Rfc8032) {
  struct {
    const char *seed, *key, *message, *signature;
  } const cases[] = {
      {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
       "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
       "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf"
       "9b46bd2"
       "5bf5f0595bbe24655141438e7a100b"},
      {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
       "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
       "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f"
       "11d8c38"
       "7b2eaeb4302aeeb00d291612bb0c00"},
  };
  for (const auto& c : cases) {
    const base::Secret256 seed = Key(c.seed);
    const Ed25519PublicKey key = Ed25519Public(seed);
    EXPECT_EQ(HexEncode(key), c.key);
    Ed25519Signature signature = Ed25519Sign(seed, Hex(c.message));
    EXPECT_EQ(HexEncode(signature), c.signature);
    EXPECT_TRUE(Ed25519Verify(key, Hex(c.message), signature));
    EXPECT_FALSE(Ed25519Verify(key, AsBytes("another"), signature));
    signature[10] ^= 1;
    EXPECT_FALSE(Ed25519Verify(key, Hex(c.message), signature));
  }
  Ed25519PublicKey none;
  none.fill(0xFF);
  EXPECT_FALSE(Ed25519Verify(none, AsBytes("x"), Ed25519Signature{}));
}

TEST(Crypto, ThreadsDoNotDisturbEachOther) {
  const auto work = [](std::uint64_t seed) {
    Bytes log;
    for (std::uint64_t i = 0; i < 200; ++i) {
      const Bytes raw = RandomBytes(32, seed * 1000 + i);
      const base::Secret256 key{std::span<const std::uint8_t, 32>(raw)};
      Bytes out(64);
      CounterKdf(raw, "label", raw, out);
      const HkdfPair pair = HkdfSha512Pair(key, raw, AsBytes("a"), AsBytes("b"));
      GcmTag tag;
      GcmSeal(pair.first, {}, pair.second.Reveal(), out, out, tag);
      log.insert(log.end(), out.begin(), out.end());
    }
    return log;
  };
  Bytes together[4], alone[4];
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) threads.emplace_back([&, t] { together[t] = work(t); });
  for (std::thread& thread : threads) thread.join();
  for (std::uint64_t t = 0; t < 4; ++t) alone[t] = work(t);
  for (int t = 0; t < 4; ++t) EXPECT_EQ(together[t], alone[t]);
}

}  // namespace
}  // namespace tenantseal::crypto
