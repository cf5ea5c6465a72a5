#include "base/random.h"

#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>

#include <cerrno>

#include "base/check.h"

namespace tenantseal::base {
namespace {

void KernelRandom(std::uint8_t* out, std::size_t size) {
  while (size > 0) {
    const ssize_t n = getrandom(out, size, 0);
    if (n < 0 && errno == EINTR) continue;
    TS_CHECK(n > 0);
    out += n;
    size -= static_cast<std::size_t>(n);
  }
}

// One thread's block of random bytes. It lies in a page of its own that the kernel zeroes in a
// forked child (MADV_WIPEONFORK), where `filled_at_ms` then reads 0 and forces a refill.
class Block {
 public:
  Block() {
    void* page =
        mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    TS_CHECK(page != MAP_FAILED);
    page_ = static_cast<Page*>(page);
    wipes_on_fork_ = madvise(page, sizeof(Page), MADV_WIPEONFORK) == 0;
  }
  ~Block() {
    Wipe(page_->bytes);
    munmap(page_, sizeof(Page));
  }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  void Take(MutableByteSpan out) {
    if (!wipes_on_fork_ || out.size() > sizeof page_->bytes / 4)
      return KernelRandom(out.data(), out.size());
    const std::uint64_t now = NowMs();
    if (page_->left < out.size() || page_->filled_at_ms == 0 || now - page_->filled_at_ms > 100) {
      KernelRandom(page_->bytes, sizeof page_->bytes);
      page_->left = sizeof page_->bytes;
      page_->filled_at_ms = now;
    }
    page_->left -= out.size();
    std::uint8_t* from = page_->bytes + page_->left;
    std::memcpy(out.data(), from, out.size());
    Wipe({from, out.size()});
  }

 private:
  struct Page {
    std::uint64_t filled_at_ms;
    std::size_t left;
    std::uint8_t bytes[4096 - 16];
  };
  static std::uint64_t NowMs() {
    timespec ts{};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
    return static_cast<std::uint64_t>(ts.tv_sec) * 1000 +
           static_cast<std::uint64_t>(ts.tv_nsec) / 1'000'000 + 1;
  }
  Page* page_;
  bool wipes_on_fork_;
};

}  // namespace

void SystemRandom::Fill(MutableByteSpan out) const { KernelRandom(out.data(), out.size()); }

void SystemRandom::FillPublic(MutableByteSpan out) const {
  thread_local Block block;
  block.Take(out);
}

void FakeRandom::Fill(MutableByteSpan out) const {
  for (std::uint8_t& byte : out) {  // splitmix64, one byte a step.
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    byte = static_cast<std::uint8_t>(z ^ (z >> 31));
  }
}

}  // namespace tenantseal::base
