#include "net/http/request_parser.h"

#include <algorithm>

#include "engine/base/check.h"
#include "net/http/chunk_decoder.h"
#include "net/http/header_parser.h"

namespace duolog::http {
namespace {

constexpr std::string_view kHeaderEnd = "\r\n\r\n";

}  // namespace

struct RequestParser::State {
  enum class Phase : std::uint8_t { kHeader, kBody, kComplete, kFailed };

  Phase phase = Phase::kHeader;
  bool ask_for_body = false;  // "100 Continue" is still to be sent
  std::string header_text;    // a header cut by slices
  Header header;
  ChunkDecoder chunks;
  Response error;
};

RequestParser::RequestParser(RequestLimits limits) : limits_(limits) {}
RequestParser::~RequestParser() = default;
RequestParser::RequestParser(RequestParser&&) noexcept = default;
RequestParser& RequestParser::operator=(RequestParser&&) noexcept = default;

RequestParser::Fed RequestParser::feed(Bytes slice) {
  std::size_t skipped = 0;
  if (state_ && state_->header_text == "\r" && !slice.empty() && slice[0] == '\n') {
    state_.reset();
    skipped = 1;
  }
  if (!state_) {
    while (as_text(slice).substr(skipped).starts_with("\r\n")) skipped += 2;
  }
  const Fed fed = feed_request(slice.subspan(skipped));
  return {fed.status, skipped + fed.consumed};
}

RequestParser::Fed RequestParser::feed_request(Bytes slice) {
  if (slice.empty() && !state_) return {Status::kNeedMore, 0};
  if (!state_) state_ = std::make_unique<State>();
  CHECK(state_->phase != State::Phase::kComplete);
  if (state_->phase == State::Phase::kFailed) return {Status::kError, 0};
  if (state_->phase == State::Phase::kBody) return feed_body(slice);

  // A header that lies whole in the slice is parsed where it is.
  std::string& kept = state_->header_text;
  const std::size_t kept_before = kept.size();
  std::string_view text =
      as_text(slice.first(std::min(slice.size(), limits_.max_header_bytes - kept_before)));
  if (kept_before > 0) text = kept.append(text);
  const std::size_t searched = std::max(kept_before, kHeaderEnd.size()) - kHeaderEnd.size();
  const std::size_t end = text.find(kHeaderEnd, searched);
  if (end == std::string_view::npos) {
    if (text.size() >= limits_.max_header_bytes) {
      return fail_request(431, "the header is too large", slice.size());
    }
    if (kept_before == 0) kept = text;
    return {Status::kNeedMore, slice.size()};
  }

  text = text.substr(0, end + kHeaderEnd.size());
  const std::size_t consumed = text.size() - kept_before;
  auto header = parse_header(text, limits_.max_fields);
  if (!header) {
    state_->error = std::move(header.error());
    state_->phase = State::Phase::kFailed;
    return {Status::kError, consumed};
  }
  kept = {};
  state_->header = std::move(*header);
  if (state_->header.content_length > limits_.max_body_bytes) {
    return fail_request(413, "the body is too large", consumed);
  }
  state_->phase = State::Phase::kBody;
  state_->ask_for_body = state_->header.expect_continue;
  const Fed body = feed_body(slice.subspan(consumed));
  return {body.status, consumed + body.consumed};
}

RequestParser::Fed RequestParser::feed_body(Bytes slice) {
  Header& header = state_->header;
  std::string& body = header.request.body;
  Bytes rest = slice;
  if (header.chunked) {
    switch (state_->chunks.feed(rest, body, limits_.max_body_bytes)) {
      case ChunkDecoder::Status::kNeedMore:
        return {Status::kNeedMore, slice.size()};
      case ChunkDecoder::Status::kInvalid:
        return fail_request(400, "bad chunked body", slice.size() - rest.size());
      case ChunkDecoder::Status::kTooLarge:
        return fail_request(413, "the body is too large", slice.size() - rest.size());
      case ChunkDecoder::Status::kComplete:
        break;
    }
  } else {
    const std::size_t take =
        std::min<std::uint64_t>(slice.size(), header.content_length - body.size());
    body.append(as_text(slice.first(take)));
    rest = slice.subspan(take);
    if (body.size() < header.content_length) return {Status::kNeedMore, slice.size()};
  }
  state_->phase = State::Phase::kComplete;
  return {Status::kComplete, slice.size() - rest.size()};
}

RequestParser::Fed RequestParser::fail_request(int status, std::string_view message,
                                               std::size_t consumed) {
  state_->error = error_response(status, message);
  state_->phase = State::Phase::kFailed;
  return {Status::kError, consumed};
}

Request RequestParser::take() {
  CHECK(state_ && state_->phase == State::Phase::kComplete);
  Request request = std::move(state_->header.request);
  state_.reset();
  return request;
}

const Response& RequestParser::error() const {
  CHECK(state_ && state_->phase == State::Phase::kFailed);
  return state_->error;
}

bool RequestParser::take_expect_continue() {
  // A client that has begun to send its body no longer waits (and chunked bodies count from the
  // first byte of their data).
  const bool ask = state_ && state_->phase == State::Phase::kBody && state_->ask_for_body &&
                   state_->header.request.body.empty();
  if (ask) state_->ask_for_body = false;
  return ask;
}

}  // namespace duolog::http
