// A reader of the small XML documents with which AWS's Query protocol answers.
#pragma once

#include <functional>
#include <string_view>

#include "base/result.h"

namespace tenantseal::aws {

// Calls `leaf` with every element that holds no other: its path from the root, joined by '/', and
// its text, entities decoded, valid until `leaf` returns. Namespaces and attributes are passed
// over. The text lies in memory that is wiped.
//
// Taken is the part of XML 1.0 that AWS sends: an XML declaration, elements, attributes, text, the
// five named entities and character references, UTF-8. Everything else (document types,
// processing instructions, comments, CDATA, text beside elements) is refused, as are more than 16
// levels, 4096 elements and names over 128 characters. kInvalidArgument says at which byte, and
// quotes nothing of the document.
Result<void> ReadXml(std::string_view document,
                     const std::function<void(std::string_view path, std::string_view text)>& leaf);

}  // namespace tenantseal::aws
