#include "storage/catalog_format.h"

#include <cstring>
#include <string_view>
#include <type_traits>

#include "engine/base/crc32c.h"

namespace duolog::storage {

namespace {

constexpr std::string_view kCatalogMagic = "DUOLOGCT";
constexpr std::uint32_t kCatalogVersion = 1;
// Where in a frame the checksummed bytes begin.
constexpr std::size_t kFrameChecksumBytes = 4;

// An entry to read into, or a const one to write.
template <class E, class Entry>
concept Is = std::is_same_v<std::remove_const_t<E>, Entry>;

// One walk over the fields of each entry serves both directions: `v(field)` writes or reads it.
template <class V, Is<ClusterIdEntry> E>
void fields(V& v, E& e) {
  v(e.id);
}
template <class V, Is<IncarnationEntry> E>
void fields(V& v, E& e) {
  v(e.incarnation);
}
template <class V, Is<TopicRecord> E>
void fields(V& v, E& e) {
  v(e.id), v(e.name), v(e.partition_count), v(e.configs), v(e.log_starts);
}
template <class V, Is<TopicDeletedEntry> E>
void fields(V& v, E& e) {
  v(e.id);
}
template <class V, Is<TopicConfigsEntry> E>
void fields(V& v, E& e) {
  v(e.id), v(e.configs);
}
template <class V, Is<LogStartEntry> E>
void fields(V& v, E& e) {
  v(e.id), v(e.partition), v(e.offset);
}
template <class V, Is<PartitionsAddedEntry> E>
void fields(V& v, E& e) {
  v(e.id), v(e.partition_count);
}
template <class V, Is<DeletedTopic> E>
void fields(V& v, E& e) {
  v(e.id), v(e.name), v(e.partition_count);
}
template <class V, Is<DeletedForgottenEntry> E>
void fields(V& v, E& e) {
  v(e.id);
}
template <class V, Is<NextProducerIdEntry> E>
void fields(V& v, E& e) {
  v(e.next_producer_id);
}
template <class V, Is<ResourceConfigsEntry> E>
void fields(V& v, E& e) {
  v(e.resource_type), v(e.name), v(e.configs);
}

class Writer {
 public:
  explicit Writer(std::vector<std::uint8_t>& out) : out_(out) {}

  template <class T>
    requires std::is_integral_v<T>
  void operator()(T value) {
    const std::size_t at = out_.size();
    out_.resize(at + sizeof value);
    store_le<T>(out_.data() + at, value);
  }
  template <class Tag, class Rep>
  void operator()(Strong<Tag, Rep> value) {
    (*this)(value.value);
  }
  void operator()(const Uuid& id) { append(id.bytes); }
  void operator()(const std::string& text) {
    (*this)(static_cast<std::uint32_t>(text.size()));
    append(as_bytes(text));
  }
  template <class K, class T, class C>
  void operator()(const std::map<K, T, C>& map) {
    (*this)(static_cast<std::uint32_t>(map.size()));
    for (const auto& [key, value] : map) (*this)(key), (*this)(value);
  }

 private:
  void append(Bytes bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }

  std::vector<std::uint8_t>& out_;
};

// Reading beyond the end yields zeros and is remembered.
class Reader {
 public:
  explicit Reader(Bytes left) : left_(left) {}

  [[nodiscard]] bool whole() const { return ok_ && left_.empty(); }

  template <class T>
    requires std::is_integral_v<T>
  void operator()(T& value) {
    const Bytes bytes = take(sizeof value);
    value = bytes.empty() ? T{} : load_le<T>(bytes.data());
  }
  template <class Tag, class Rep>
  void operator()(Strong<Tag, Rep>& value) {
    (*this)(value.value);
  }
  void operator()(Uuid& id) {
    const Bytes bytes = take(id.bytes.size());
    if (!bytes.empty()) std::memcpy(id.bytes.data(), bytes.data(), bytes.size());
  }
  void operator()(std::string& text) {
    std::uint32_t length = 0;
    (*this)(length);
    text = as_text(take(length));
  }
  template <class K, class T, class C>
  void operator()(std::map<K, T, C>& map) {
    std::uint32_t count = 0;
    (*this)(count);
    for (std::uint32_t i = 0; i < count && ok_; ++i) {
      K key{};
      T value{};
      (*this)(key), (*this)(value);
      map.emplace(std::move(key), std::move(value));
    }
  }

 private:
  Bytes take(std::size_t size) {
    ok_ = ok_ && size <= left_.size();
    if (!ok_) return {};
    const Bytes taken = left_.first(size);
    left_ = left_.subspan(size);
    return taken;
  }

  Bytes left_;
  bool ok_ = true;
};

// The entry of type `kIndex` + 1, if that is what the frame says it is; otherwise the next one.
template <std::size_t kIndex = 0>
Result<CatalogEntry> decode_as(const CatalogFrame& frame) {
  if constexpr (kIndex == std::variant_size_v<CatalogEntry>) {
    return fail(Errc::kUnsupported, "entry type " + std::to_string(frame.type) +
                                        " is of a newer Duolog: start that version or a newer one");
  } else {
    if (frame.type != kIndex + 1) return decode_as<kIndex + 1>(frame);
    std::variant_alternative_t<kIndex, CatalogEntry> entry;
    Reader reader(frame.payload);
    fields(reader, entry);
    if (reader.whole()) return entry;
    return fail(Errc::kCorrupt, "an entry of type " + std::to_string(frame.type) + " and " +
                                    std::to_string(frame.payload.size()) +
                                    " bytes has another form");
  }
}

}  // namespace

void encode_header(const CatalogHeader& header, std::vector<std::uint8_t>& out) {
  const std::size_t at = out.size();
  out.insert(out.end(), kCatalogMagic.begin(), kCatalogMagic.end());
  Writer write(out);
  write(kCatalogVersion);
  write(std::uint32_t{0});
  write(header.generation), write(header.first_sequence), write(header.snapshot_bytes);
  write(std::uint32_t{0});
  write(crc32c(Bytes(out).subspan(at)));
}

Result<CatalogHeader> decode_header(Bytes file) {
  if (file.size() < kCatalogHeaderBytes ||
      as_text(file.first(kCatalogMagic.size())) != kCatalogMagic) {
    return fail(Errc::kCorrupt, "it does not begin as a catalog does");
  }
  constexpr std::size_t kChecksumAt = kCatalogHeaderBytes - sizeof(std::uint32_t);
  if (load_le<std::uint32_t>(file.data() + kChecksumAt) != crc32c(file.first(kChecksumAt))) {
    return fail(Errc::kCorrupt, "its header fails its checksum");
  }
  std::uint32_t version = 0;
  std::uint32_t reserved = 0;
  CatalogHeader header;
  Reader read(file.subspan(kCatalogMagic.size()));
  read(version), read(reserved);
  read(header.generation), read(header.first_sequence), read(header.snapshot_bytes);
  if (version == kCatalogVersion) return header;
  return fail(Errc::kUnsupported, "it has format " + std::to_string(version) +
                                      ", this Duolog reads " + std::to_string(kCatalogVersion) +
                                      ": start the version that wrote it, or a newer one");
}

Result<void> encode_entry(std::uint64_t sequence, const CatalogEntry& entry,
                          std::vector<std::uint8_t>& out) {
  const std::size_t at = out.size();
  Writer write(out);
  write(std::uint32_t{0}), write(std::uint32_t{0});
  write(sequence);
  write(static_cast<std::uint32_t>(entry.index() + 1));
  std::visit([&write](const auto& e) { fields(write, e); }, entry);
  const std::size_t payload = out.size() - at - kCatalogFrameBytes;
  if (payload > kMaxCatalogPayloadBytes) {
    out.resize(at);
    return fail(Errc::kTooLarge, "a topic's name, configuration and partitions take " +
                                     std::to_string(payload) + " bytes of metadata, the limit is " +
                                     std::to_string(kMaxCatalogPayloadBytes));
  }
  store_le<std::uint32_t>(out.data() + at + 4, static_cast<std::uint32_t>(payload));
  store_le<std::uint32_t>(out.data() + at, crc32c(Bytes(out).subspan(at + kFrameChecksumBytes)));
  return {};
}

std::optional<CatalogFrame> read_frame(Bytes bytes) {
  if (bytes.size() < kCatalogFrameBytes) return std::nullopt;
  const std::size_t length = load_le<std::uint32_t>(bytes.data() + 4);
  if (length > kMaxCatalogPayloadBytes || length > bytes.size() - kCatalogFrameBytes) {
    return std::nullopt;
  }
  const Bytes frame = bytes.first(kCatalogFrameBytes + length);
  if (load_le<std::uint32_t>(frame.data()) != crc32c(frame.subspan(kFrameChecksumBytes))) {
    return std::nullopt;
  }
  return CatalogFrame{load_le<std::uint64_t>(frame.data() + 8),
                      load_le<std::uint32_t>(frame.data() + 16), frame.subspan(kCatalogFrameBytes)};
}

Result<CatalogEntry> decode_entry(const CatalogFrame& frame) { return decode_as(frame); }

}  // namespace duolog::storage
