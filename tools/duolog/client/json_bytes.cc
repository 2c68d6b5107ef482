#include "tools/duolog/client/json_bytes.h"

#include <openssl/evp.h>

#include "net/ws/utf8.h"

namespace duolog::tools {
namespace {

std::string base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock ends with a zero
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

}  // namespace

void put_bytes(OrderedJson& object, const std::string& name,
               const std::optional<std::string_view>& bytes) {
  if (!bytes) {
    object[name] = nullptr;
  } else if (ws::is_valid_utf8(as_bytes(*bytes))) {
    object[name] = *bytes;
  } else {
    object[name + "_b64"] = base64(*bytes);
  }
}

}  // namespace duolog::tools
