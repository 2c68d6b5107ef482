#include "bench/push/metric.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <stdexcept>

#include <sys/socket.h>
#include <unistd.h>

#include "bench/push/subscriber.h"

namespace duolog::load {

double metric(const std::string& http, std::string_view name) {
  const int descriptor = connected_socket({.http = http});
  const std::string request =
      "GET /metrics HTTP/1.1\r\nHost: " + http + "\r\nConnection: close\r\n\r\n";
  std::string answer;
  if (send(descriptor, request.data(), request.size(), MSG_NOSIGNAL) > 0) {
    std::array<char, 65'536> piece;
    for (ssize_t got = 0; (got = recv(descriptor, piece.data(), piece.size(), 0)) > 0;) {
      answer.append(piece.data(), static_cast<std::size_t>(got));
    }
  }
  close(descriptor);
  double largest = -1;
  const std::string row = "\n" + std::string(name);
  for (std::size_t at = answer.find(row); at != answer.npos; at = answer.find(row, at + 1)) {
    const std::size_t end = answer.find('\n', at + 1);
    const std::size_t number = answer.rfind(' ', end) + 1;
    largest = std::max(largest, std::strtod(answer.c_str() + number, nullptr));
  }
  if (largest < 0) throw std::runtime_error("/metrics has no " + std::string(name));
  return largest;
}

}  // namespace duolog::load
