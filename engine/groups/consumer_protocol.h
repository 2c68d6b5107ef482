// What consumers write into a group's opaque bytes: the topics to which a member is subscribed.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "engine/base/bytes.h"

namespace duolog::groups {

// The protocol type of groups whose members are consumers.
inline constexpr std::string_view kConsumerProtocolType = "consumer";

// The topics of a ConsumerProtocolSubscription of any version; views into `subscription`. Nothing
// if the bytes are no subscription: they come from clients, which may put there what they like.
[[nodiscard]] std::optional<std::vector<std::string_view>> subscribed_topics(Bytes subscription);

}  // namespace duolog::groups
