#include "kms/aws/kms_errors.h"

#include <gtest/gtest.h>

namespace tenantseal::kms {
namespace {

struct Row {
  int status;
  const char* code;
  const char* message;
  FaultClass fault;
  bool retry;
  bool region;
};

constexpr FaultClass kRevoked = FaultClass::kRevoked;
constexpr FaultClass kOurs = FaultClass::kOurs;
constexpr FaultClass kIntegrity = FaultClass::kIntegrity;
constexpr FaultClass kAway = FaultClass::kUnavailable;

class Classification : public ::testing::TestWithParam<Row> {};

TEST_P(Classification, IsByCodeAndMessage) {
  const Row& row = GetParam();
  const Verdict verdict = ClassifyFault(row.status, row.code, row.message);
  EXPECT_EQ(FaultName(verdict.fault), FaultName(row.fault)) << row.code << ' ' << row.message;
  EXPECT_EQ(verdict.retry, row.retry) << row.code << ' ' << row.message;
  EXPECT_EQ(verdict.region, row.region) << row.code << ' ' << row.message;
  if (verdict.fault != kAway) {
    EXPECT_FALSE(verdict.retry) << "only silence is worth asking again";
    EXPECT_FALSE(verdict.region) << "only silence leads to another region";
  }
}

INSTANTIATE_TEST_SUITE_P(
    Owner, Classification,
    ::testing::Values(
        Row{400, "AccessDeniedException", "User: x is not authorized", kRevoked, false, false},
        Row{403, "AccessDenied", "", kRevoked, false, false},
        Row{400, "DisabledException", "arn is disabled.", kRevoked, false, false},
        Row{409, "DisabledException", "", kRevoked, false, false},
        Row{400, "KMSInvalidStateException", "arn is pending deletion.", kRevoked, false, false},
        Row{400, "KMSInvalidStateException", "arn is disabled.", kRevoked, false, false},
        Row{409, "KMSInvalidStateException", "arn is pending replica deletion.", kRevoked, false,
            false},
        Row{400, "KMSInvalidStateException", "arn is pending import.", kRevoked, false, false},
        Row{400, "NotFoundException", "Key 'arn' does not exist", kRevoked, false, false}));

INSTANTIATE_TEST_SUITE_P(
    Silence, Classification,
    ::testing::Values(
        Row{400, "KMSInvalidStateException", "arn is creating.", kAway, true, false},
        Row{400, "KMSInvalidStateException", "arn is updating.", kAway, true, false},
        Row{400, "KMSInvalidStateException", "arn is unavailable.", kAway, false, false},
        Row{400, "KMSInvalidStateException", "arn is in a state of 2031.", kAway, false, false},
        Row{500, "KeyUnavailableException", "", kAway, true, false},
        Row{500, "KMSInternalException", "", kAway, true, true},
        Row{503, "DependencyTimeoutException", "", kAway, true, true},
        Row{400, "ThrottlingException", "Rate exceeded", kAway, true, true},
        Row{429, "", "", kAway, true, true}, Row{500, "", "", kAway, true, true},
        Row{503, "SomethingNew", "", kAway, true, true}, Row{408, "", "", kAway, true, true},
        Row{200, "", "", kAway, true, true}));

INSTANTIATE_TEST_SUITE_P(
    Ours, Classification,
    ::testing::Values(Row{400, "NotFoundException", "Invalid arn us-east-1", kOurs, false, false},
                      Row{400, "UnrecognizedClientException", "", kOurs, false, false},
                      Row{403, "InvalidSignatureException", "", kOurs, false, false},
                      Row{403, "InvalidSignatureException", "Signature expired: 1", kOurs, false,
                          false},
                      Row{400, "IncompleteSignatureException", "", kOurs, false, false},
                      Row{400, "MissingAuthenticationTokenException", "", kOurs, false, false},
                      Row{400, "ExpiredTokenException", "", kOurs, false, false},
                      Row{400, "LimitExceededException", "", kOurs, false, false},
                      Row{400, "ValidationException", "1 validation error", kOurs, false, false},
                      Row{400, "UnknownOperationException", "", kOurs, false, false},
                      Row{418, "", "", kOurs, false, false},
                      Row{301, "", "", kOurs, false, false}));

INSTANTIATE_TEST_SUITE_P(Integrity, Classification,
                         ::testing::Values(Row{400, "InvalidCiphertextException", "", kIntegrity,
                                               false, false},
                                           Row{400, "IncorrectKeyException", "The key ID ...",
                                               kIntegrity, false, false}));

TEST(Classes, MarksWhatMayBeMended) {
  EXPECT_TRUE(ClassifyFault(400, "ExpiredTokenException", "").expired);
  EXPECT_TRUE(ClassifyFault(403, "InvalidSignatureException", "Signature expired: 1").clock);
  EXPECT_TRUE(ClassifyFault(403, "InvalidSignatureException", "Signature not yet current").clock);
  EXPECT_FALSE(ClassifyFault(403, "InvalidSignatureException", "does not match").clock);
  EXPECT_TRUE(ClassifyFault(400, "AccessDeniedException", "").denied);
  EXPECT_FALSE(ClassifyFault(400, "DisabledException", "").denied);
  EXPECT_TRUE(ClassifyFault(400, "ThrottlingException", "").throttled);
}

TEST(Classes, OfTransport) {
  EXPECT_TRUE(ClassifyTransport(ErrorCode::kDeadlineExceeded).timeout);
  EXPECT_TRUE(ClassifyTransport(ErrorCode::kUnavailable).retry);
  EXPECT_FALSE(ClassifyTransport(ErrorCode::kUnavailable).timeout);
  EXPECT_TRUE(ClassifyTransport(ErrorCode::kTooLarge).region);
  EXPECT_EQ(ClassifyTransport(ErrorCode::kInvalidArgument).fault, kOurs);
  EXPECT_FALSE(ClassifyTransport(ErrorCode::kInvalidArgument).retry);
}

TEST(Classes, NamesTheCodesOfKmsClient) {
  EXPECT_EQ(CodeOf(kRevoked), ErrorCode::kKeyRevoked);
  EXPECT_EQ(CodeOf(kOurs), ErrorCode::kServiceFault);
  EXPECT_EQ(CodeOf(kIntegrity), ErrorCode::kIntegrity);
  EXPECT_EQ(CodeOf(kAway), ErrorCode::kKeyUnavailable);
}

}  // namespace
}  // namespace tenantseal::kms
