#include "tests/differential/differ.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "engine/base/check.h"

namespace duolog::differential {
namespace {

bool read_all(int descriptor, std::span<std::uint8_t> into) {
  while (!into.empty()) {
    const ssize_t got = ::recv(descriptor, into.data(), into.size(), 0);
    if (got <= 0) return false;
    into = into.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

bool is_allowed(const std::string& line, Differ::Allowed allowed) {
  const std::string path = line.substr(0, line.find(" = "));
  const auto covers = [&](std::string_view rule) {
    return ("." + path).find(rule) != std::string::npos;
  };
  return std::ranges::any_of(kEverywhere, covers) || std::ranges::any_of(allowed, covers);
}

Lines without_allowed(const Lines& lines, Differ::Allowed allowed) {
  Lines left;
  std::ranges::copy_if(lines, std::back_inserter(left),
                       [&](const std::string& line) { return !is_allowed(line, allowed); });
  return left;
}

}  // namespace

Endpoint::~Endpoint() { disconnect(); }

void Endpoint::connect() {
  const auto colon = address_.rfind(':');
  CHECK(colon != std::string::npos);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(address_.c_str() + colon + 1)));
  CHECK(inet_pton(AF_INET, address_.substr(0, colon).c_str(), &address.sin_addr) == 1);
  descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval limit{.tv_sec = 60, .tv_usec = 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    std::fprintf(stderr, "differential: nobody answers at %s\n", address_.c_str());
    std::exit(2);
  }
}

void Endpoint::disconnect() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

std::vector<std::uint8_t> Endpoint::exchange(Bytes frame) {
  if (descriptor_ < 0) connect();
  while (!frame.empty()) {
    const ssize_t sent = ::send(descriptor_, frame.data(), frame.size(), MSG_NOSIGNAL);
    if (sent <= 0) break;
    frame = frame.subspan(static_cast<std::size_t>(sent));
  }
  std::uint8_t length[4];
  std::vector<std::uint8_t> response;
  if (read_all(descriptor_, length)) {
    response.resize(load_be<std::uint32_t>(length));
    if (read_all(descriptor_, response)) return response;
  }
  disconnect();
  return {};
}

void Differ::compare(const std::string& what, const Lines& ours, const Lines& theirs,
                     Allowed allowed) {
  ++asked_;
  const Lines mine = without_allowed(ours, allowed);
  const Lines other = without_allowed(theirs, allowed);
  if (mine == other) return;
  ++differences_;
  std::printf("%s: %s%s%s\n", scenario_.c_str(), label_.c_str(), label_.empty() ? "" : ": ",
              what.c_str());
  for (const auto& line : mine) {
    if (std::ranges::find(other, line) == other.end()) std::printf("  duolog: %s\n", line.c_str());
  }
  for (const auto& line : other) {
    if (std::ranges::find(mine, line) == mine.end()) std::printf("  kafka:  %s\n", line.c_str());
  }
}

void Differ::ask_raw(std::string_view what, Bytes frame) {
  const auto say = [](const std::vector<std::uint8_t>& answer) {
    return Lines{answer.empty() ? "closed the connection" : "answer = " + hex(answer)};
  };
  compare(std::string(what), say(ours_.exchange(frame)), say(theirs_.exchange(frame)), {});
}

void Differ::broken(const std::string& why) {
  ++differences_;
  std::printf("%s: an answer that cannot be read: %s\n", scenario_.c_str(), why.c_str());
}

}  // namespace duolog::differential
