// A directory with content in files, for tests.
#pragma once

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "sdk/fake_data_keys.h"
#include "tenantseal/content.h"

namespace tenantseal::sdk {

inline constexpr const char* kTenant = "0123456789abcdefghijklmnopqrstuv";
inline constexpr std::size_t kFrameOverhead = 4 + 12 + 16;

inline std::string Pattern(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * 131 + (i >> 8));
  return out;
}

class ContentFileTest : public testing::Test {
 protected:
  ContentFileTest() {
    std::string name = testing::TempDir() + "content-XXXXXX";
    dir_ = ::mkdtemp(name.data());
    ::umask(022);
  }
  ~ContentFileTest() override { std::filesystem::remove_all(dir_); }

  std::string Path(const std::string& name) const { return dir_ + "/" + name; }
  void Put(const std::string& name, const std::string& bytes) {
    std::ofstream(Path(name), std::ios::binary) << bytes;
  }
  std::string Get(const std::string& name) const {
    std::ifstream in(Path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  mode_t ModeOf(const std::string& name) const {
    struct stat info {};
    return ::stat(Path(name).c_str(), &info) == 0 ? info.st_mode & 0777 : 0;
  }
  // Names in the directory, hidden ones included.
  std::vector<std::string> Names() const {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(dir_))
      out.push_back(entry.path().filename());
    return out;
  }
  Result<std::uint64_t> Seal(Context::Pairs pairs = {}, FileOptions options = {}) {
    return content_.SealFile(Path("plain"), Path("sealed"), *content_.MakeContext(std::move(pairs)),
                             options);
  }
  Result<std::uint64_t> Open(Context::Pairs required = {}, FileOptions options = {}) {
    return content_.OpenFile(Path("sealed"), Path("opened"), required, options);
  }

  std::string dir_;
  FakeDataKeys keys_;
  Content content_ = *Content::Make(keys_, kTenant);
};

}  // namespace tenantseal::sdk
