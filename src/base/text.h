// Text that people have chosen: names, titles, descriptions.
#pragma once

#include <string_view>

namespace tenantseal::base {

// Whether `text` is well-formed UTF-8 without control characters (U+0000 to U+001F, U+007F to
// U+009F), so that it can be shown on one line as it is.
bool IsPlainText(std::string_view text);

// How many characters (code points) a UTF-8 text has.
std::size_t CharactersOf(std::string_view text);

}  // namespace tenantseal::base
