#include "net/kafka/api_versions.h"

#include "net/kafka/codec.h"

namespace duolog::kafka {

Array<ApiVersionsResponse::ApiVersion> advertised_apis(Arena& arena) {
  auto listed = arena.make<ApiVersionsResponse::ApiVersion>(kApis.size());
  std::size_t count = 0;
  for (const Api& api : kApis) {
    if (!api.advertised) continue;
    listed[count++] = {.api_key = static_cast<std::int16_t>(api.key),
                       .min_version = api.advertised_first,
                       .max_version = api.versions.last};
  }
  return listed.first(count);
}

template Result<void> decode(Reader&, std::int16_t, ApiVersionsRequest&);
template void encode(Writer&, std::int16_t, const ApiVersionsRequest&);
template Result<void> decode(Reader&, std::int16_t, ApiVersionsResponse&);
template void encode(Writer&, std::int16_t, const ApiVersionsResponse&);

}  // namespace duolog::kafka
