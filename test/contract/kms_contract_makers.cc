#include <unistd.h>

#include <filesystem>

#include "contract/kms_contract.h"
#include "kms/fake_kms.h"
#include "kms/internal/internal_kms.h"

namespace tenantseal {
namespace {

// The tenant names the key.
kms::KmsKey ByTenant(const model::TenantId&) { return {}; }
std::string InternalArn(const model::TenantId& tenant) { return "internal:" + tenant.text(); }

// The keystore in a directory that goes with it.
struct InternalGround {
  base::SystemRandom random;
  base::SystemClock clock;
  std::string dir;
  std::unique_ptr<kms::InternalKms> kms;
  ~InternalGround() {
    kms.reset();
    std::filesystem::remove_all(dir);
  }
};

KmsUnderTest MakeInternal() {
  auto ground = std::make_shared<InternalGround>();
  std::string dir = std::filesystem::temp_directory_path() / "kms_contract.XXXXXX";
  ground->dir = ::mkdtemp(dir.data());
  const std::string root = ground->dir + "/root.key";
  auto roots = kms::CreateRootFile(root, ground->random, ground->clock);
  auto keystore =
      kms::Keystore::Create(ground->dir + "/keystore.db", kms::RootSource::File(root),
                            std::move(*roots), "deployment", ground->random, ground->clock);
  ground->kms = std::make_unique<kms::InternalKms>(std::move(*keystore), ground->random);
  return {ground, ground->kms.get(), ground->kms.get(), ByTenant, InternalArn};
}

struct FakeGround {
  base::SystemRandom random;
  kms::FakeKms kms{random};
};

KmsUnderTest MakeFake() {
  auto ground = std::make_shared<FakeGround>();
  return {ground, &ground->kms, &ground->kms, ByTenant, InternalArn};
}

std::vector<KmsKind> Kinds() {
  return {KmsKind{"InternalKms", MakeInternal}, KmsKind{"FakeKms", MakeFake}};
}
std::string NameOf(const testing::TestParamInfo<KmsKind>& kind) { return kind.param.name; }

INSTANTIATE_TEST_SUITE_P(All, KmsContract, testing::ValuesIn(Kinds()), NameOf);
INSTANTIATE_TEST_SUITE_P(All, KmsKeysContract, testing::ValuesIn(Kinds()), NameOf);

}  // namespace
}  // namespace tenantseal
