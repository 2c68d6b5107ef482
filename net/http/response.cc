#include "net/http/response.h"

#include <algorithm>

namespace duolog::http {
namespace {

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ");
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(byte < 0x20 || byte == 0x7F ? ' ' : c);
  }
  out.append("\r\n");
}

bool has_upgrade(const Response& response) {
  return std::ranges::any_of(response.fields,
                             [](const Field& field) { return iequals(field.name, "Upgrade"); });
}

}  // namespace

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

Response text_response(int status, std::string body) {
  return {.status = status,
          .fields = {{"Content-Type", "text/plain; charset=utf-8"},
                     {"X-Content-Type-Options", "nosniff"}},
          .body = std::move(body)};
}

Response error_response(int status, std::string_view message) {
  std::string body = std::to_string(status);
  body.append(" ").append(reason_phrase(status)).append(": ").append(message).append("\n");
  Response response = text_response(status, std::move(body));
  response.close = true;
  return response;
}

std::string serialize(const Response& response, ResponseContext context) {
  const bool bodiless = response.status < 200 || response.status == 204 || response.status == 304;
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + " ";
  out.append(reason_phrase(response.status)).append("\r\n");
  for (const Field& field : response.fields) append_field(out, field.name, field.value);
  if (!bodiless) append_field(out, "Content-Length", std::to_string(response.body.size()));
  if (response.status >= 200) {
    if (has_upgrade(response)) append_field(out, "Connection", "Upgrade");
    if (response.close || !context.keep_alive) {
      append_field(out, "Connection", "close");
    } else if (context.version_minor == 0) {
      append_field(out, "Connection", "keep-alive");
    }
  }
  out.append("\r\n");
  if (!bodiless && !context.head) out.append(response.body);
  return out;
}

}  // namespace duolog::http
