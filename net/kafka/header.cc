#include "net/kafka/header.h"

#include "net/kafka/codec.h"

namespace duolog::kafka {

namespace {

constexpr codec::Wire kRequestV1{1, false};
constexpr codec::Wire kRequestV2{2, true};
constexpr codec::Wire kResponseV0{0, false};
constexpr codec::Wire kResponseV1{1, true};

codec::Wire request_wire(const Api& api, std::int16_t version) {
  return version >= api.flexible_since ? kRequestV2 : kRequestV1;
}

codec::Wire response_wire(ApiKey key, std::int16_t version) {
  const Api* api = find_api(key);
  CHECK(api != nullptr);
  const bool flexible = version >= api->flexible_since && key != ApiKey::kApiVersions;
  return flexible ? kResponseV1 : kResponseV0;
}

}  // namespace

Result<RequestHeader> parse_request_header(Reader& reader) {
  RequestHeader header;
  Reader ahead = reader;
  if (!ahead.integer(header.api_key) || !ahead.integer(header.api_version)) {
    return std::unexpected(ahead.error("request header"));
  }
  const Api* api = find_api(header.api_key);
  if (api == nullptr) {
    if (!ahead.integer(header.correlation_id)) {
      return std::unexpected(ahead.error("request header"));
    }
    return header;
  }
  if (!codec::decode_struct(reader, request_wire(*api, header.api_version), header)) {
    return std::unexpected(reader.error("request header"));
  }
  return header;
}

Result<ResponseHeader> parse_response_header(Reader& reader, ApiKey api, std::int16_t version) {
  ResponseHeader header;
  if (!codec::decode_struct(reader, response_wire(api, version), header)) {
    return std::unexpected(reader.error("response header"));
  }
  return header;
}

Writer::Frame begin_response(Writer& writer, ApiKey api, std::int16_t version,
                             std::int32_t correlation_id) {
  const Writer::Frame frame = writer.begin_frame();
  codec::encode_struct(writer, response_wire(api, version),
                       ResponseHeader{.correlation_id = correlation_id});
  return frame;
}

Writer::Frame begin_request(Writer& writer, const RequestHeader& header) {
  const Api* api = find_api(header.api_key);
  CHECK(api != nullptr);
  const Writer::Frame frame = writer.begin_frame();
  codec::encode_struct(writer, request_wire(*api, header.api_version), header);
  return frame;
}

}  // namespace duolog::kafka
