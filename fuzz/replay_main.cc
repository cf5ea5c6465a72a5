// Replays corpus directories through a fuzz target where libFuzzer is not at hand: every file, and
// every file cut short at up to 256 places.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  std::size_t files = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      std::ifstream in(entry.path(), std::ios::binary);
      const std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
      const std::size_t step = bytes.size() / 256 + 1;
      for (std::size_t cut = 0; cut <= bytes.size(); cut += step) {
        // An exact copy, so that a sanitizer sees the first byte read beyond the end.
        const std::vector<std::uint8_t> input(bytes.begin(), bytes.end() - static_cast<long>(cut));
        LLVMFuzzerTestOneInput(input.data(), input.size());
      }
      ++files;
    }
  }
  std::printf("%zu files replayed\n", files);
  return files > 0 ? 0 : 1;
}
