#include "events/webhook_response.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/encoding.h"

namespace tenantseal::events {
namespace {

// Cut where a character begins, with U+FFFD in place of what is no UTF-8.
std::string Presentable(std::string_view text, std::size_t bytes_max) {
  std::size_t size = std::min(text.size(), bytes_max);
  while (size > 0 && size < text.size() && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80)
    --size;
  const std::string_view cut = text.substr(0, size);
  if (base::IsUtf8(cut)) return std::string(cut);
  const std::string quoted = nlohmann::json(std::string(cut))
                                 .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return nlohmann::json::parse(quoted).get<std::string>();
}

std::vector<model::WebhookHeader> ReceivedHeaders(const net::HttpResponse& response) {
  std::vector<model::WebhookHeader> out;
  std::size_t bytes = 0;
  for (const net::ResponseHeader& header : response.headers) {
    bytes += header.name.size() + header.value.size();
    if (bytes > model::kWebhookHeaderBytesMax) break;
    out.push_back({Presentable(header.name, 256), Presentable(header.value, 1024)});
  }
  return out;
}

}  // namespace

void KeepResponse(const Result<net::HttpResponse>& response, model::WebhookDelivery& delivery) {
  delivery.response_status = response ? response->status : 0;
  delivery.response_headers.clear();
  delivery.response_body.clear();
  if (!response) {
    delivery.message = Presentable("No answer: " + response.error().message, 512);
    return;
  }
  delivery.message = "HTTP " + std::to_string(response->status);
  delivery.response_headers = ReceivedHeaders(*response);
  delivery.response_body =
      Presentable(response->body.RevealText(), model::kWebhookResponseBytesMax);
}

}  // namespace tenantseal::events
