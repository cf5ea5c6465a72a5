// The methods of SqliteStore that concern key providers.
#include "store/migration_rules.h"
#include "store/sqlite/access.h"
#include "store/sqlite/columns.h"
#include "store/sqlite/tenant_rows.h"

namespace tenantseal::store {
namespace {

// The partial index providers_by_arn needs the second condition.
constexpr const char* kCountUsing =
    "SELECT count(DISTINCT tenant) FROM providers WHERE arn=? AND arn<>'' AND tenant<>?";
constexpr const char* kPutValidation =
    "INSERT OR REPLACE INTO validations(tenant,provider,at,outcome,report) VALUES(?,?,?,?,?)";
constexpr const char* kSelectValidation =
    "SELECT at,outcome,report FROM validations WHERE tenant=? AND provider=?";
constexpr const char* kPutFormer =
    "INSERT INTO former_providers(tenant,fingerprint,arn,demoted_at) VALUES(?,?,?,?) "
    "ON CONFLICT DO UPDATE SET demoted_at=coalesce(excluded.demoted_at,demoted_at)";
constexpr const char* kSelectFormer =
    "SELECT arn,demoted_at FROM former_providers WHERE tenant=? AND fingerprint=?";
constexpr const char* kDeleteValidation = "DELETE FROM validations WHERE tenant=? AND provider=?";

}  // namespace

Result<std::uint64_t> SqliteStore::AddProvider(const model::KeyProvider& provider,
                                               const model::NewEvent& event) {
  return Write([&](Session& session) -> Result<std::uint64_t> {
    TS_ASSIGN_OR_RETURN(VerifiedTenant tenant, ReadForChange(session, provider.tenant));
    TS_RETURN_IF_ERROR(ApplyNewProvider(tenant.state, provider));
    TS_RETURN_IF_ERROR(InsertProvider(session, provider));
    return Conclude(session, tenant, event);
  });
}

Result<std::uint64_t> SqliteStore::ChangeProvider(const model::KeyProvider& expected,
                                                  const model::KeyProvider& changed,
                                                  const std::optional<model::NewEvent>& event) {
  return Write([&](Session& session) -> Result<std::uint64_t> {
    TS_ASSIGN_OR_RETURN(VerifiedTenant tenant, ReadForChange(session, expected.tenant));
    TS_RETURN_IF_ERROR(ApplyProviderChange(tenant.state, expected, changed));
    TS_RETURN_IF_ERROR(UpdateProvider(session, changed));
    return Conclude(session, tenant, event);
  });
}

Result<std::uint64_t> SqliteStore::DeleteProvider(const model::TenantId& tenant,
                                                  const model::Fingerprint& provider,
                                                  const model::NewEvent& event) {
  return Write([&](Session& session) -> Result<std::uint64_t> {
    TS_ASSIGN_OR_RETURN(VerifiedTenant verified, ReadForChange(session, tenant));
    TS_ASSIGN_OR_RETURN(const model::FormerProvider former,
                        ApplyProviderDeletion(verified.state, provider));
    Statement put(session.db, kPutFormer);
    TS_RETURN_IF_ERROR(
        put.Bind(tenant).Bind(provider).Bind(former.arn).Bind(former.demoted_at).Run());
    TS_RETURN_IF_ERROR(DeleteWrapsBy(session, tenant, provider));
    TS_RETURN_IF_ERROR(Statement(session.db, kDeleteValidation).Bind(tenant).Bind(provider).Run());
    TS_RETURN_IF_ERROR(DeleteProviderRow(session, tenant, provider));
    return Conclude(session, verified, event);
  });
}

Result<std::optional<model::FormerProvider>> SqliteStore::LoadFormerProvider(
    const model::TenantId& tenant, const model::Fingerprint& provider) const {
  return Read([&](Session& session) -> Result<std::optional<model::FormerProvider>> {
    Statement row(session.db, kSelectFormer);
    row.Bind(tenant).Bind(provider);
    std::optional<model::FormerProvider> former;
    if (row.Step()) former = model::FormerProvider{std::string(row.Text(0)), row.OptionalTime(1)};
    TS_RETURN_IF_ERROR(row.Check());
    return former;
  });
}

// Unverified: it leads to a warning, or to a refusal that changes nothing.
Result<std::uint64_t> SqliteStore::CountTenantsUsing(const std::string& arn,
                                                     const model::TenantId& except) const {
  return Read([&](Session& session) -> Result<std::uint64_t> {
    Statement row(session.db, kCountUsing);
    row.Bind(arn).Bind(except);
    const std::int64_t count = row.Step() ? row.Int(0) : 0;
    TS_RETURN_IF_ERROR(row.Check());
    return static_cast<std::uint64_t>(count);
  });
}

Result<void> SqliteStore::SaveValidation(const model::ProviderValidation& validation,
                                         const std::optional<model::NewEvent>& event) {
  return Write([&](Session& session) -> Result<void> {
    TS_ASSIGN_OR_RETURN(const VerifiedTenant tenant, ReadForChange(session, validation.tenant));
    if (tenant.state.FindProvider(validation.provider) == nullptr) return ProviderNotFound();
    Statement put(session.db, kPutValidation);
    put.Bind(validation.tenant).Bind(validation.provider).Bind(validation.at);
    TS_RETURN_IF_ERROR(put.Bind(validation.outcome).Bind(validation.report).Run());
    if (event) return session.Append(*event);
    return {};
  });
}

Result<std::optional<model::ProviderValidation>> SqliteStore::LoadValidation(
    const model::TenantId& tenant, const model::Fingerprint& provider) const {
  return Read([&](Session& session) -> Result<std::optional<model::ProviderValidation>> {
    Statement row(session.db, kSelectValidation);
    row.Bind(tenant).Bind(provider);
    if (!row.Step()) {
      TS_RETURN_IF_ERROR(row.Check());
      return std::optional<model::ProviderValidation>();
    }
    Columns in(row);
    model::ProviderValidation out;
    out.tenant = tenant;
    out.provider = provider;
    out.at = row.Time(0);
    out.outcome = in.Enum<model::CheckOutcome>(1, 1, 3);
    out.report = row.Text(2);
    if (!in.ok()) return TamperedRow("validations", tenant.text() + " " + provider.text());
    return std::optional(std::move(out));
  });
}

}  // namespace tenantseal::store
