// One number of a running server's /metrics.
#pragma once

#include <string>
#include <string_view>

namespace duolog::load {

// The largest of its rows (shards). `http`: HOST:PORT. Throws std::runtime_error.
[[nodiscard]] double metric(const std::string& http, std::string_view name);

}  // namespace duolog::load
