// What stands before the body of each request and response, and the frame around both.
//
//   request    length int32 | api key, api version int16, correlation id int32, client id | body
//   response   length int32 | correlation id int32 | body
//
// Request header v2 and response header v1 (flexible versions, KIP-482) end with a section of
// tagged fields. Two exceptions, which every client relies on: the client id stays a string with
// an int16 length, and the response to ApiVersions has header v0 in every version, because its
// reader does not know yet what the broker speaks (KIP-511).
#pragma once

#include <cstdint>

#include "engine/base/result.h"
#include "net/kafka/api.h"
#include "net/kafka/reader.h"
#include "net/kafka/types.h"
#include "net/kafka/writer.h"

namespace duolog::kafka {

struct RequestHeader {
  std::int16_t api_key = 0;
  std::int16_t api_version = 0;
  std::int32_t correlation_id = 0;
  NullableString client_id{};  // into the frame

  static constexpr auto kFields =
      Fields{field<&RequestHeader::api_key>(since(1)), field<&RequestHeader::api_version>(since(1)),
             field<&RequestHeader::correlation_id>(since(1)),
             field<&RequestHeader::client_id>(since(1)).nullable(since(1)).uncompact()};
};

struct ResponseHeader {
  std::int32_t correlation_id = 0;

  static constexpr auto kFields = Fields{field<&ResponseHeader::correlation_id>(since(0))};
};

// Reads the header off the front of a request (the frame without its length), so that the body
// is what is left. Of a request whose API key is unknown only key, version and correlation id are
// read: nobody knows the rest. Whether the version is one of ours is for supported() to say.
// Errors: kInvalid, with the field's name.
[[nodiscard]] Result<RequestHeader> parse_request_header(Reader& reader);

// The same for a response to a request of this API and version; for clients.
[[nodiscard]] Result<ResponseHeader> parse_response_header(Reader& reader, ApiKey api,
                                                           std::int16_t version);

// Begins the frame of a response, or a request: writer.end_frame(), after encode(), ends it.
[[nodiscard]] Writer::Frame begin_response(Writer& writer, ApiKey api, std::int16_t version,
                                           std::int32_t correlation_id);
[[nodiscard]] Writer::Frame begin_request(Writer& writer, const RequestHeader& header);

}  // namespace duolog::kafka
