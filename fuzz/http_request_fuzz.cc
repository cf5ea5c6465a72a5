// The request reader: bytes in one piece and in small ones give the same requests, the same
// refusal, and no access outside of its memory.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "net/beast/request_reader.h"

namespace {

using tenantseal::net::beast::RequestReader;

std::string Read(tenantseal::base::ByteSpan input, std::size_t piece) {
  RequestReader reader(
      {.header_bytes_max = 1024, .target_bytes_max = 256, .body_bytes_max = 12'000});
  std::string seen;
  while (true) {
    const RequestReader::Step step = reader.Next();
    if (step == RequestReader::Step::kRefused) return seen + "refused";
    if (step == RequestReader::Step::kHead) {
      reader.AcceptBody(SIZE_MAX);
    } else if (step == RequestReader::Step::kComplete) {
      seen += reader.request().path;
      seen += tenantseal::base::AsText(reader.request().body);
      for (const auto& field : reader.request().headers) (seen += field.name) += field.value;
      seen += '\n';
      reader.Finish();
    } else {
      if (input.empty()) return seen;
      const auto space = reader.Space();
      const std::size_t size = std::min({piece, space.size(), input.size()});
      if (size == 0) std::abort();
      std::copy_n(input.begin(), size, space.begin());
      reader.Commit(size);
      input = input.subspan(size);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string whole = Read({data, size}, SIZE_MAX);
  const std::string pieces = Read({data, size}, 3);
  // A refusal may come sooner in one way of cutting, but what came before it is the same.
  const std::size_t common = std::min(whole.find("refused"), pieces.find("refused"));
  if (common == std::string::npos ? whole != pieces
                                  : whole.compare(0, common, pieces, 0, common) != 0) {
    std::abort();
  }
  return 0;
}
