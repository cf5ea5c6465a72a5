// The query protocol: forms in, XML out.
#include "base/encoding.h"
#include "emulator/sts_service.h"

namespace tenantseal::emulator {
namespace {

constexpr std::size_t kParametersMax = 500;

void AppendXml(std::string_view text, std::string& out) {
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
}

}  // namespace

Answer<StsForm> ParseStsForm(std::string_view body) {
  const Fault malformed{400, "MalformedQueryString", "The query string contains a syntax error."};
  StsForm form;
  while (!body.empty()) {
    const std::size_t end = body.find('&');
    const std::string_view pair = body.substr(0, end);
    body = end == body.npos ? std::string_view() : body.substr(end + 1);
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    auto name = base::FormDecode(pair.substr(0, equals));
    auto value =
        base::FormDecode(equals == pair.npos ? std::string_view() : pair.substr(equals + 1));
    if (!name || !value || form.size() == kParametersMax) return malformed;
    if (!form.emplace(std::move(*name), std::move(*value)).second) return malformed;
  }
  return form;
}

Fault StsFault(Fault fault) {
  static constexpr struct {
    std::string_view from, to;
    int status;
  } kNames[] = {
      {"UnrecognizedClientException", "InvalidClientTokenId", 403},
      {"InvalidSignatureException", "SignatureDoesNotMatch", 403},
      {"IncompleteSignatureException", "IncompleteSignature", 400},
      {"MissingAuthenticationTokenException", "MissingAuthenticationToken", 403},
      {"AccessDeniedException", "AccessDenied", 403},
      {"ValidationException", "ValidationError", 400},
      {"ThrottlingException", "Throttling", 400},
      {"UnknownOperationException", "InvalidAction", 400},
  };
  for (const auto& name : kNames) {
    if (fault.code != name.from) continue;
    fault.code = name.to;
    fault.status = name.status;
    break;
  }
  return fault;
}

std::string StsErrorXml(const Fault& fault, std::string_view request_id) {
  std::string out =
      "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>";
  out += fault.status < 500 ? "Sender" : "Receiver";
  out += "</Type><Code>";
  AppendXml(fault.code, out);
  out += "</Code><Message>";
  AppendXml(fault.message, out);
  out += "</Message></Error><RequestId>";
  AppendXml(request_id, out);
  return out + "</RequestId></ErrorResponse>\n";
}

}  // namespace tenantseal::emulator
