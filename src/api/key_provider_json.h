// JSON of key providers and migrations, with the names that the encryption API of
// https://qlik.dev/apis/rest/encryption gives them.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "migration/migrations.h"
#include "providers/key_providers.h"

namespace tenantseal::api {

// The published shape differs: a list has "complianceError" as an object and leaves out a "current"
// that is false; a single provider has an array of that object and always says "current".
enum class Shown : std::uint8_t { kInList, kAlone };
nlohmann::json KeyProviderJson(const providers::ProviderView& view, Shown shown);
nlohmann::json UsageJson(const providers::ProviderUsage& usage);

// Both spellings of what the published schema and the published examples name differently.
nlohmann::json MigrationInformation(const migration::MigrationView& view);
nlohmann::json PlanJson(const migration::MigrationPlan& plan);

// The body of a registration. What the service itself fills in may stand there and is ignored.
// Errors are kInvalidRequest and name the field.
Result<providers::KeyProviders::NewProvider> ParseNewProvider(base::ByteSpan body);
// The body of a change: RFC 6902, `replace` of /name and /description alone. Errors as above.
Result<providers::KeyProviders::Change> ParseProviderPatch(base::ByteSpan body);

// An error of body or field with the code that key provider routes give it; others as they are.
Error AsInvalidRequest(Error error);

}  // namespace tenantseal::api
