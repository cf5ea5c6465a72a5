// The shared credentials and config files of AWS: whatever stands there, no error tells a value.
#include "aws/credentials_file.h"
#include "base/bytes.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenantseal;
  const std::string_view text = base::AsText({data, size});
  for (const auto kind : {aws::ProfileFile::kCredentials, aws::ProfileFile::kConfig}) {
    aws::Profiles profiles;
    const auto read = aws::ReadProfiles(text, "file", kind, profiles);
    TS_CHECK(read || read.error().message.starts_with("file"));
    // What is there already stays.
    const aws::Profiles before = profiles;
    (void)aws::ReadProfiles(text, "later", kind, profiles);
    for (const auto& [name, profile] : before)
      for (const auto& [key, setting] : profile)
        TS_CHECK(profiles.at(name).at(key).where == setting.where);
  }
  return 0;
}
