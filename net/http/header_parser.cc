#include "net/http/header_parser.h"

#include <optional>

#include <boost/beast/http/basic_parser.hpp>

namespace duolog::http {
namespace {

namespace beast = boost::beast;

std::string to_string(beast::string_view text) { return std::string(text.data(), text.size()); }

// Copies what Beast's parser reports. The body is not Beast's: skip() ends the parse at the header.
class BeastParser final : public beast::http::basic_parser<true> {
 public:
  explicit BeastParser(std::size_t max_fields) : max_fields_(max_fields) { skip(true); }

  std::string method;
  std::string target;
  int version = 11;
  std::vector<Field> fields;
  bool too_many_fields = false;

 private:
  void on_request_impl(beast::http::verb, beast::string_view method_text,
                       beast::string_view target_text, int version_number,
                       beast::error_code&) override {
    method = to_string(method_text);
    target = to_string(target_text);
    version = version_number;
  }
  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                     beast::error_code& ec) override {
    if (fields.size() == max_fields_) {
      too_many_fields = true;
      ec = beast::http::error::header_limit;
      return;
    }
    fields.push_back({to_string(name), to_string(value)});
  }
  void on_response_impl(int, beast::string_view, int, beast::error_code&) override {}
  void on_header_impl(beast::error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, beast::error_code&) override {}
  std::size_t on_body_impl(beast::string_view body, beast::error_code&) override {
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, beast::error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body,
                                 beast::error_code&) override {
    return body.size();
  }
  void on_finish_impl(beast::error_code&) override {}

  std::size_t max_fields_;
};

bool has_folded_line(std::string_view text) {
  return text.contains("\r\n ") || text.contains("\r\n\t");
}

// What two servers in a row could read differently; Beast has refused Content-Length beside
// chunked, contradicting lengths and lengths that are no numbers. The refusal, or nothing.
std::optional<Response> check_framing(const Request& request) {
  const std::size_t hosts = request.field_count("Host");
  if (hosts > 1 || (hosts == 0 && request.version_minor == 1)) {
    return error_response(400, "exactly one Host header is needed");
  }
  const std::string* length = request.field("Content-Length");
  if (request.field_count("Content-Length") > 1 || (length != nullptr && length->contains(','))) {
    return error_response(400, "Content-Length is given more than once");
  }
  const std::string* coding = request.field("Transfer-Encoding");
  if (coding == nullptr) return std::nullopt;
  if (length != nullptr || request.version_minor == 0) {
    return error_response(400, "Transfer-Encoding is not allowed in this request");
  }
  if (request.field_count("Transfer-Encoding") > 1 || !iequals(*coding, "chunked")) {
    return error_response(501, "the only Transfer-Encoding is 'chunked'");
  }
  return std::nullopt;
}

Response refusal(const BeastParser& parser, const beast::error_code& ec) {
  if (parser.too_many_fields) return error_response(431, "too many header fields");
  if (ec == beast::http::error::bad_version) {
    return error_response(505, "the server speaks HTTP/1.1 and HTTP/1.0");
  }
  if (ec == beast::http::error::need_more) return error_response(400, "incomplete header");
  return error_response(400, ec.message());
}

}  // namespace

std::expected<Header, Response> parse_header(std::string_view text, std::size_t max_fields) {
  if (has_folded_line(text)) {
    return std::unexpected(error_response(400, "a header line is folded"));
  }
  BeastParser parser(max_fields);
  parser.header_limit(static_cast<std::uint32_t>(text.size() + 1));
  beast::error_code ec;
  parser.put(boost::asio::const_buffer(text.data(), text.size()), ec);
  if (ec || !parser.is_done()) return std::unexpected(refusal(parser, ec));

  auto target = parse_target(parser.target, parser.method);
  if (!target) return std::unexpected(error_response(400, target.error().message));
  Header header;
  header.request.method = std::move(parser.method);
  header.request.target = std::move(*target);
  header.request.version_minor = parser.version - 10;
  header.request.fields = std::move(parser.fields);
  header.request.keep_alive = parser.keep_alive();
  if (auto refused = check_framing(header.request)) return std::unexpected(std::move(*refused));
  header.chunked = parser.chunked();
  header.content_length = parser.content_length().value_or(0);
  header.expect_continue =
      header.request.version_minor == 1 && list_contains(header.request, "Expect", "100-continue");
  return header;
}

}  // namespace duolog::http
