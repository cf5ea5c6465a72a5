// The HTML of the emulator's page.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "emulator/world.h"

namespace tenantseal::emulator {

// `text` as content or as the value of an attribute.
std::string HtmlText(std::string_view text);
// `text` as a part of a query.
std::string QueryText(std::string_view text);

std::string KeyListHtml(const std::vector<std::shared_ptr<const Key>>& keys,
                        const Contents& contents);

struct KeyPage {
  const Key& key;
  std::vector<std::shared_ptr<const Key>> related;  // The key itself too.
  std::string_view policy;                          // To be shown in the form.
  std::string_view token;                           // Of the form.
  std::string done = {};                            // A sentence about what has been done.
  std::string refused = {};                         // A sentence about what has not.
};
std::string KeyPageHtml(const KeyPage& page);

// A page with a heading and a sentence.
std::string MessageHtml(std::string_view heading, std::string_view text);

extern const std::string_view kPageCss;

}  // namespace tenantseal::emulator
