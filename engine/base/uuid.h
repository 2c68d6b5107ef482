// Random 128-bit identifiers and their text form, as Kafka prints them (URL-safe base64, 22
// characters).
#pragma once

#include <string>
#include <string_view>

#include "engine/base/ids.h"
#include "engine/base/result.h"

namespace duolog {

// A fresh random (version 4) UUID from the kernel's generator, never one that begins with '-' in
// its text form, so that it can be a command-line argument.
[[nodiscard]] Uuid random_uuid();

// 22 characters of URL-safe base64 without padding.
[[nodiscard]] std::string to_text(const Uuid& id);
[[nodiscard]] Result<Uuid> parse_uuid(std::string_view text);

}  // namespace duolog
