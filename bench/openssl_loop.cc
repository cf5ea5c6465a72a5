// The limit L that sealing and opening are measured against: one thread that reads 64 KiB, seals it
// with AES-256-GCM of OpenSSL and writes it, again and again. No framing, no key management.
//
// usage: openssl_loop INPUT OUTPUT
#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>

namespace {

constexpr int kPieceBytes = 64 << 10;

bool WriteAll(int fd, const std::uint8_t* data, std::size_t size) {
  while (size > 0) {
    const ssize_t n = write(fd, data, size);
    if (n <= 0) return false;
    data += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

bool Seal(int in, int out) {
  static std::array<std::uint8_t, kPieceBytes> plain, sealed;
  const std::array<std::uint8_t, 32> key{1};
  const std::array<std::uint8_t, 12> iv{};
  std::array<std::uint8_t, 16> tag{};
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  int produced = 0;
  bool ok = EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nullptr, key.data(), iv.data()) == 1;
  ssize_t n = 0;
  while (ok && (n = read(in, plain.data(), plain.size())) > 0) {
    ok = EVP_EncryptUpdate(context, sealed.data(), &produced, plain.data(), static_cast<int>(n)) ==
             1 &&
         WriteAll(out, sealed.data(), static_cast<std::size_t>(produced));
  }
  ok = ok && n == 0 && EVP_EncryptFinal_ex(context, sealed.data(), &produced) == 1 &&
       EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, tag.size(), tag.data()) == 1 &&
       WriteAll(out, tag.data(), tag.size());
  EVP_CIPHER_CTX_free(context);
  return ok;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: openssl_loop INPUT OUTPUT\n");
    return 2;
  }
  const int in = open(argv[1], O_RDONLY | O_CLOEXEC);
  const int out = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const bool ok = in >= 0 && out >= 0 && Seal(in, out) && close(out) == 0;
  if (!ok) std::perror("openssl_loop");
  return ok ? 0 : 1;
}
