// Who may talk to the HTTP port: the checks of Host and Origin that a browser's requests are held
// to.
//
// Host is checked against DNS rebinding: a page whose name was made to resolve to this machine
// still sends its own name. Origin is checked against cross-site WebSocket hijacking: a browser
// opens a WebSocket to anywhere, with the user's cookies, and only says where from (RFC 6455
// section 10.2). A client that is no browser sends no Origin and is let in. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"
#include "net/http/request.h"
#include "net/http/response.h"

namespace duolog::http {

struct AccessPolicy {
  // The address listened on, as a literal: "127.0.0.1", "::1". With "0.0.0.0" or "::" every address
  // literal is a good Host: rebinding needs a name.
  std::string listen_address;
  // Names and addresses that this server is reached by, besides localhost and its own:
  // "duolog.example.com". A port is not compared.
  std::vector<std::string> host_names;
  // Origins that are let in besides the server's own: "https://app.example.com", and of apps
  // "capacitor://localhost", "file://"; "null": of pages that have none to tell; "*": every one.
  std::vector<std::string> allowed_origins;
  // The scheme of the server's own origin is https. Behind a proxy that ends TLS, leave it false
  // and put the proxy's origin in allowed_origins.
  bool tls = false;
};

// `host` is a Host field's value: a name, an IPv4 address or an IPv6 address in brackets, and
// maybe a port, which is not compared (a forwarded port differs from the one listened on).
[[nodiscard]] bool host_allowed(std::string_view host, const AccessPolicy& policy);

// An entry of host_names or allowed_origins. What can never match is kInvalid: a pattern, a URL of
// a host, a name without the scheme of its origin, a path behind one.
[[nodiscard]] Result<void> check_host_name(std::string_view entry);
[[nodiscard]] Result<void> check_allowed_origin(std::string_view entry);

// `origin` is an Origin field's value. Allowed: the origin that `host` has (scheme, host and port),
// and those of the list. A path and user information never are, but for "*".
[[nodiscard]] bool origin_allowed(std::string_view origin, std::string_view host,
                                  const AccessPolicy& policy);

// Both checks for a request. The refusal to answer (400 or 403), or nothing when it is allowed.
[[nodiscard]] std::optional<Response> check_access(const Request& request,
                                                   const AccessPolicy& policy);

}  // namespace duolog::http
