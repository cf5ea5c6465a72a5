#include "api/error_table.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/bytes.h"

namespace tenantseal::api {
namespace {

using model::EncryptionCode;
using nlohmann::json;

json BodyOf(const net::Response& response) {
  return json::parse(base::AsText(response.BodyBytes()), nullptr, false);
}

TEST(ErrorTable, EachEncryptionCodeHasItsStatusWhateverTheGeneralCode) {
  const std::pair<EncryptionCode, int> rows[] = {
      {EncryptionCode::kInvalidRequest, 400},      {EncryptionCode::kProviderNotFound, 404},
      {EncryptionCode::kFingerprintTooLong, 414},  {EncryptionCode::kArnMalformed, 417},
      {EncryptionCode::kArnRegistered, 409},       {EncryptionCode::kWrongRegion, 406},
      {EncryptionCode::kKeyUnsuitable, 406},       {EncryptionCode::kKeyNotEnabled, 406},
      {EncryptionCode::kReplicaMissing, 406},      {EncryptionCode::kRoundTripFailed, 406},
      {EncryptionCode::kProviderTimeout, 408},     {EncryptionCode::kTooManyProviders, 409},
      {EncryptionCode::kKeyShared, 406},           {EncryptionCode::kProviderInUse, 424},
      {EncryptionCode::kTargetInvalid, 424},       {EncryptionCode::kSourceRefuses, 424},
      {EncryptionCode::kSourceUnreachable, 412},   {EncryptionCode::kMigrationOngoing, 428},
      {EncryptionCode::kResetWhileMigrating, 406}, {EncryptionCode::kNoMigration, 404},
      {EncryptionCode::kMigrationEnded, 409},      {EncryptionCode::kAlreadyCurrent, 424},
      {EncryptionCode::kResumeNotAccepted, 409},   {EncryptionCode::kActionNotAllowed, 403},
  };
  for (const auto& [code, status] : rows) {
    for (const ErrorCode general : {ErrorCode::kConflict, ErrorCode::kKeyUnavailable}) {
      const auto response = ErrorResponse(model::EncryptionError(code, general, "Why."), "id");
      EXPECT_EQ(response.status, status);
      const json error = BodyOf(response)["errors"][0];
      EXPECT_EQ(error["code"], "Encryption-" + std::to_string(static_cast<int>(code)));
      EXPECT_EQ(error["detail"], "Why.");
      EXPECT_FALSE(error["title"].get<std::string>().empty());
      EXPECT_FALSE(error.contains("meta"));
    }
  }
}

TEST(ErrorTable, WhatElseThereIsToSayStandsBesideTheField) {
  Error error = model::EncryptionError(EncryptionCode::kTargetInvalid, ErrorCode::kConflict, "Why.",
                                       "arn", R"({"checks":[1],"field":"other"})");
  EXPECT_EQ(BodyOf(ErrorResponse(error, "id"))["errors"][0]["meta"],
            json({{"checks", {1}}, {"field", "arn"}}));
  EXPECT_EQ(json::parse(ItemErrorJson(error, "id"))["meta"]["field"], "arn");
  error.field.clear();
  error.meta = R"({"checks":[1]})";
  EXPECT_EQ(BodyOf(ErrorResponse(error, "id"))["errors"][0]["meta"], json({{"checks", {1}}}));
  for (const char* broken : {"{", "[1]", "7"}) {
    error.meta = broken;
    EXPECT_FALSE(BodyOf(ErrorResponse(error, "id"))["errors"][0].contains("meta")) << broken;
  }
}

TEST(ErrorTable, WhatIsInternalTellsNothingBesides) {
  const Error error{ErrorCode::kIntegrity, "secret reason", "", 0, 0, R"({"reason":"secret"})"};
  const json body = BodyOf(ErrorResponse(error, "id"));
  EXPECT_EQ(body["errors"][0]["code"], "integrity");
  EXPECT_EQ(body.dump().find("secret"), std::string::npos);
}

TEST(ErrorTable, WhatIsUnavailableIsExplainedToOperatorsAlone) {
  for (const ErrorCode code : {ErrorCode::kUnavailable, ErrorCode::kKeyUnavailable}) {
    const Error error{code, "The disk of /var/lib/secret.db is full."};
    const auto detail = [&](const net::Response& response) {
      EXPECT_EQ(response.status, 503);
      return BodyOf(response)["errors"][0]["detail"].get<std::string>();
    };
    EXPECT_EQ(detail(ErrorResponse(error, "id")).find("secret"), std::string::npos);
    EXPECT_EQ(ItemErrorJson(error, "id").find("secret"), std::string::npos);
    EXPECT_EQ(detail(ErrorResponse(error, "id", Reader::kOperator)), error.message);
    const Error busy{ErrorCode::kUnavailable, std::string(kQueueFull)};
    EXPECT_EQ(detail(ErrorResponse(busy, "id")), kQueueFull);
  }
}

}  // namespace
}  // namespace tenantseal::api
