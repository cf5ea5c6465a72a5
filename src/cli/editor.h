// The user's editor.
#pragma once

#include <string>

#include "base/result.h"

namespace tenantseal::cli {

// Lets a person change `text` with $VISUAL, $EDITOR or vi, in a file of the name's ending `suffix`
// that only they may read and that is removed afterwards. An Error when the editor fails.
Result<std::string> EditText(const std::string& text, const std::string& suffix);

}  // namespace tenantseal::cli
