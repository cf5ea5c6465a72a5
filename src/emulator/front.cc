#include "emulator/front.h"

#include "emulator/admin.h"
#include "emulator/json_text.h"
#include "emulator/page.h"

namespace tenantseal::emulator {
namespace {

constexpr std::string_view kJsonType = "application/x-amz-json-1.1";
constexpr std::size_t kRequestBytesMax = 256 << 10;
constexpr std::size_t kOversizeBytes = 2 << 20;  // Of any client's bound several times over.
// Longer than any client waits. Not for ever, so that a forgotten client's connection ends.
constexpr base::Duration kBlackHole = std::chrono::hours(1);

bool IsAdminPath(std::string_view path) { return path.starts_with("/_emulator"); }

std::string ErrorJson(const Fault& fault) {
  std::string out = "{";
  AppendJsonMember("__type", fault.code, out);
  out += ',';
  AppendJsonMember("message", fault.message, out);
  return out + '}';
}

net::Response FaultResponse(const Fault& fault, std::string_view service,
                            const std::string& request_id) {
  net::Response response;
  if (service == "sts") {
    const Fault as_sts = StsFault(fault);
    response.status = as_sts.status;
    response.content_type = "text/xml";
    response.body = StsErrorXml(as_sts, request_id);
  } else {
    response.status = fault.status;
    response.content_type = kJsonType;
    response.body = ErrorJson(fault);
  }
  response.headers.push_back({"x-amzn-RequestId", request_id});
  return response;
}

// What a rule puts in the place of an answer; nothing when it only changes one.
std::optional<net::Response> Strike(const FaultRule& rule, const Call& call) {
  switch (rule.kind) {
    case FaultKind::kThrottle:
      return FaultResponse({400, "ThrottlingException",
                            "You have exceeded the rate at which you may call KMS. Reduce the "
                            "frequency of your calls."},
                           call.service, call.request_id);
    case FaultKind::kError:
      return FaultResponse({rule.status, rule.code, rule.message}, call.service, call.request_id);
    case FaultKind::kExpiredToken:
      return FaultResponse(
          {400, "ExpiredTokenException", "The security token included in the request is expired"},
          call.service, call.request_id);
    case FaultKind::kRefuse:
    case FaultKind::kRegionDown: {
      net::Response response;
      response.delivery = net::Delivery::kDrop;
      return response;
    }
    case FaultKind::kBlackHole: {
      net::Response response;
      response.delivery = net::Delivery::kDrop;
      response.delay = kBlackHole;
      return response;
    }
    default:
      return std::nullopt;
  }
}

void Spoil(const FaultRule& rule, net::Response& response) {
  if (rule.kind == FaultKind::kSlow) response.delay = rule.delay;
  if (rule.kind == FaultKind::kTruncate)
    response.delivery =
        response.BodyBytes().size() > 1 ? net::Delivery::kCut : net::Delivery::kDrop;
  if (rule.kind == FaultKind::kOversize) {
    std::string body = "{\"CiphertextBlob\":\"";
    body.append(kOversizeBytes, 'A');
    response.body = body + "\"}";
  }
}

}  // namespace

Target TargetOf(const net::Request& request) {
  Target target;
  const auto header = request.Header("X-Amz-Target");
  const Fault unknown{400, "UnknownOperationException", ""};
  if (request.method != net::Method::kPost || request.path != "/") {
    target.fault = unknown;
  } else if (header) {
    constexpr std::string_view kKms = "TrentService.";
    constexpr std::string_view kTrail = "CloudTrail_20131101.";
    const std::size_t trail = header->find(kTrail);
    if (header->starts_with(kKms)) {
      target.service = "kms";
      target.operation = header->substr(kKms.size());
      if (!KmsService::Knows(target.operation)) target.fault = unknown;
    } else if (trail != header->npos) {
      target.service = "cloudtrail";
      target.operation = header->substr(trail + kTrail.size());
      if (target.operation != "LookupEvents") target.fault = unknown;
    } else {
      target.fault = unknown;
    }
  } else if (request.Header("Content-Type").value_or("").starts_with("application/x-amz-json")) {
    target.fault = unknown;  // Such a client reads JSON, whatever it wanted.
  } else {
    target.service = "sts";
    Answer<StsForm> form = ParseStsForm(base::AsText(request.body));
    if (!form) {
      target.fault = form.error();
    } else if (const auto action = form->find("Action"); action == form->end()) {
      target.fault = Fault{400, "MissingAction", "Could not find an Action parameter."};
    } else {
      target.operation = action->second;
      target.form = std::move(*form);
    }
  }
  return target;
}

std::optional<net::Response> Front::HandleNow(net::Request& request) {
  if (IsAdminPath(request.path)) return std::nullopt;
  Target target = TargetOf(request);
  const bool quick =
      target.fault || (target.service == "kms" && !KmsService::IsMutating(target.operation));
  if (!quick) return std::nullopt;
  return Serve(request, std::move(target));
}

net::Response Front::HandleBlocking(net::Request& request) {
  if (IsAdminPath(request.path)) {
    if (options_.admin) {
      return Page::Has(request.path) ? services_.page.Handle(request)
                                     : services_.admin.Handle(request);
    }
    return {.status = 403,
            .body = std::string(R"({"error":"The admin path is answered on loopback listeners )"
                                R"(only; --admin-anywhere lifts that."})")};
  }
  return Serve(request, TargetOf(request));
}

std::string Front::RegionOf(const Claim& claim) const {
  if (!options_.region.empty()) return options_.region;
  return claim.authorization ? claim.authorization->scope.region : options_.default_region;
}

net::Response Front::Serve(net::Request& request, Target target) {
  Call call;
  call.request_id = UuidText(NewUuid(services_.world.random()));
  call.service = target.service;
  call.operation = target.operation;
  if (target.fault) return FaultResponse(*target.fault, call.service, call.request_id);
  call.source_ip = request.peer;
  call.user_agent = request.Header("User-Agent").value_or("");
  call.secure = request.secure;
  call.time = services_.world.Now();
  if (call.service == "sts" && StsService::IsUnsigned(call.operation)) {
    Claim nobody{std::make_shared<AccessKey>(), std::nullopt};
    call.region = RegionOf(nobody);
    return ServeAs(request, target, call, nobody);
  }
  const Answer<Claim> claim = services_.auth.Identify(request);
  if (!claim) {
    // Outages strike whoever calls.
    const auto header = request.Header("Authorization");
    const auto parsed = aws::ParseAuthorization(header.value_or(""));
    Claim nobody;
    if (parsed.ok()) nobody.authorization = *parsed;
    call.region = RegionOf(nobody);
    const auto rule = services_.faults.Match({call.region, call.service, call.operation, "", ""});
    if (rule) {
      if (auto struck = Strike(*rule, call)) return std::move(*struck);
    }
    return FaultResponse(claim.error(), call.service, call.request_id);
  }
  call.region = RegionOf(*claim);
  call.caller = {claim->key, &claim->key->caller};  // Lives with its access key.
  return ServeAs(request, target, call, *claim);
}

net::Response Front::ServeAs(net::Request& request, Target& target, Call& call,
                             const Claim& claim) {
  const auto rule =
      services_.faults.Match({call.region, call.service, call.operation, call.caller->identity.arn,
                              call.caller->identity.role_arn});
  if (rule) {
    if (auto struck = Strike(*rule, call)) return std::move(*struck);
  }
  const bool skewed = rule && rule->kind == FaultKind::kClockSkew;
  const base::Duration skew = skewed ? base::Duration(rule->delay) : base::Duration::zero();
  const auto dated = [&](net::Response response) {
    if (skewed) response.date = services_.auth.Now(skew);
    return response;
  };
  std::shared_ptr<const TrailIdentity> who;
  const bool unsigned_call = call.service == "sts" && StsService::IsUnsigned(call.operation);
  if (!unsigned_call) {
    auto verified = services_.auth.Verify(request, claim, call.service, options_.region, skew);
    if (!verified) return dated(FaultResponse(verified.error(), call.service, call.request_id));
    who = std::move(*verified);
  }
  TrailNote note;
  Reply reply = CallService(call, target, base::AsText(request.body), note);
  if (!who) who = TrailIdentityOf(*call.caller);
  // A token that is nobody's leaves no record: there is no account to leave it in.
  if (!who->account.empty()) {
    services_.trail.Add(call, std::move(who), std::move(note),
                        reply.fault ? &*reply.fault : nullptr);
  }
  net::Response response;
  if (reply.fault) {
    response = FaultResponse(*reply.fault, call.service, call.request_id);
  } else {
    response.content_type = call.service == "sts" ? "text/xml" : kJsonType;
    response.body = std::move(reply.body);
    response.headers.push_back({"x-amzn-RequestId", std::move(call.request_id)});
  }
  if (rule) Spoil(*rule, response);
  return dated(std::move(response));
}

Reply Front::CallService(Call& call, const Target& target, std::string_view body, TrailNote& note) {
  if (call.service == "sts") return services_.sts.Handle(call, target.form, note);
  if (call.service == "cloudtrail") return services_.trail_service.Handle(call, body, note);
  return services_.kms.Handle(call, body, note);
}

std::size_t Front::BodyBytesMax(const net::Request& request) const {
  if (Page::Has(request.path)) return Page::kBodyBytesMax;
  return IsAdminPath(request.path) ? SIZE_MAX : kRequestBytesMax;
}

net::Response Front::Overloaded(net::Request& request) {
  return FaultResponse({503, "ServiceUnavailableException", "Too many requests wait."}, "kms",
                       std::string(request.request_id));
}

net::Response Front::Refused(int status, std::string_view detail, std::string_view request_id) {
  const char* code = status == 413   ? "RequestEntityTooLargeException"
                     : status >= 500 ? "ServiceUnavailableException"
                                     : "SerializationException";
  return FaultResponse({status, code, std::string(detail)}, "kms", std::string(request_id));
}

}  // namespace tenantseal::emulator
