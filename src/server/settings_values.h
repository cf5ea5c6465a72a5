// How the texts of settings become values. Errors are kInvalidArgument without a field: whoever
// knows the setting names it.
#pragma once

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/settings.h"

namespace tenantseal::server {

inline Error Bad(std::string what) {
  if (what.ends_with('.')) what.pop_back();  // Whoever names the setting ends the sentence.
  return InvalidArgument("", std::move(what));
}

template <typename T>
Result<T> Number(std::string_view text, T min, T max) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < min || value > max) {
    return Bad("must be a number from " + std::to_string(min) + " to " + std::to_string(max));
  }
  return value;
}

// The parts between commas; an empty text has none.
inline std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// The setting that a member of Settings, or of the part about signing in, holds.
template <auto Field>
auto& Held(Settings& s) {
  if constexpr (requires { s.*Field; }) {
    return s.*Field;
  } else {
    return s.sign_in.*Field;
  }
}

template <auto Field>
Result<void> SetSwitch(Settings& s, const std::string& text) {
  if (text != "true" && text != "false") return Bad("must be true or false");
  Held<Field>(s) = text == "true";
  return {};
}

template <auto Field, std::int64_t MinSeconds, std::int64_t MaxSeconds>
Result<void> SetDuration(Settings& s, const std::string& text) {
  TS_ASSIGN_OR_RETURN(const base::Duration value, ParseDurationText(text));
  if (value < std::chrono::seconds(MinSeconds) || value > std::chrono::seconds(MaxSeconds)) {
    return Bad("must lie between " + std::to_string(MinSeconds) + "s and " +
               std::to_string(MaxSeconds) + "s");
  }
  Held<Field>(s) = value;
  return {};
}

// settings_aws.cc: what concerns AWS.
Result<void> SetRoleArn(Settings& s, const std::string& text);
Result<void> SetExternalId(Settings& s, const std::string& text);
Result<void> SetSessionTags(Settings& s, const std::string& text);
Result<void> SetPolicyPrincipals(Settings& s, const std::string& text);
Result<void> SetControlKey(Settings& s, const std::string& text);
Result<void> SetCallsPerSecond(Settings& s, const std::string& text);
Result<void> SetBackupRegions(Settings& s, const std::string& text);

// settings_sign_in.cc: what concerns signing in.
std::span<const Setting> SignInSettingTable();
Result<void> CheckSignIn(const Settings& s);

// settings_webhooks.cc: what concerns webhooks.
std::span<const Setting> WebhookSettingTable();

}  // namespace tenantseal::server
