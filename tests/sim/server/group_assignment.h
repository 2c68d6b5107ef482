// What Java's consumers write into a group's opaque bytes, ConsumerProtocolSubscription and
// ConsumerProtocolAssignment in version 0, for one topic.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/bytes.h"

namespace duolog::sim {

[[nodiscard]] std::string subscription_to(const std::string& topic);
// Each member's assignment, by its id: the partitions in turn, from another member on in each
// generation.
[[nodiscard]] std::map<std::string, std::string> assign(const std::string& topic,
                                                        std::int32_t partitions,
                                                        std::vector<std::string> members,
                                                        std::int32_t generation);
// The partitions of an assignment; none of empty bytes, which a member has whom the leader did not
// know. Nothing: `assign` has not made it.
[[nodiscard]] std::optional<std::vector<std::int32_t>> assigned(Bytes assignment,
                                                                const std::string& topic);

}  // namespace duolog::sim
