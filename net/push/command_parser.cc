#include "net/push/command_parser.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "net/push/json_reader.h"
#include "net/push/record_reader.h"

namespace duolog::push {
namespace {

constexpr std::size_t kKeptPositions = 256;
constexpr std::size_t kKeptPartitions = 256;
constexpr std::string_view kTooMany = "more than 10000 partitions";
constexpr std::size_t kMaxNameBytes = 64;  // of an unknown command's name, where it is told

static_assert(JsonReader::kKeptBytes + RecordReader::kKeptBytes +
                  kKeptPositions * sizeof(PartitionOffset) +
                  kKeptPartitions * sizeof(PartitionId) <=
              CommandParser::kKeptBytes);

// A name as it may be told: cut at the end of a character.
std::string_view told(std::string_view name) {
  if (name.size() <= kMaxNameBytes) return name;
  std::size_t end = kMaxNameBytes;
  while ((static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) --end;
  return name.substr(0, end);
}

}  // namespace

struct CommandParser::State {
  bool parse(std::string_view text);
  bool unknown_command(const JsonValue& object);

  // The arguments of each command, into `command.what`.
  bool hello(const JsonValue& arguments);
  bool subscribe(const JsonValue& arguments);
  template <class Of>
  bool of_sid(const JsonValue& arguments);
  bool add_credit(const JsonValue& arguments);
  bool offsets(const JsonValue& arguments);
  bool publish(const JsonValue& arguments);
  bool ping(const JsonValue& arguments);

  // Their members.
  bool sid(const Member& member, std::uint32_t& out);
  bool from(const Member& member, std::optional<From>& out);
  bool from_timestamp(const Member& member, std::optional<From>& out);
  bool positions(const Member& member, std::span<const PartitionOffset>& out);
  bool partitions(const Member& member, std::span<const PartitionId>& out);
  bool topic_id(const Member& member, std::optional<Uuid>& out);
  bool ack(const Member& member, Publish::Ack& out);

  JsonReader reader;
  std::vector<PartitionOffset> position_list;
  std::vector<PartitionId> partition_list;
  RecordReader record_list{reader};
  Command command;
};

bool CommandParser::State::parse(std::string_view text) {
  using Read = bool (State::*)(const JsonValue&);
  static constexpr std::array<Read, 9> kRead = {
      &State::hello,         &State::subscribe,      &State::of_sid<Unsubscribe>,
      &State::of_sid<Pause>, &State::of_sid<Resume>, &State::add_credit,
      &State::offsets,       &State::publish,        &State::ping};
  std::array<Member, 1 + kRead.size()> members{{{"id"},
                                                {"hello"},
                                                {"subscribe"},
                                                {"unsubscribe"},
                                                {"pause"},
                                                {"resume"},
                                                {"credit"},
                                                {"offsets"},
                                                {"publish"},
                                                {"ping"}}};
  clear(position_list, kKeptPositions);
  clear(partition_list, kKeptPartitions);
  record_list.clear();
  JsonValue object;
  std::optional<std::uint64_t> id;
  if (!reader.parse(text, object)) return false;
  if (!object.is_object()) return reader.refuse("JSON", "a command is an object");
  if (!reader.find(object, members)) return false;
  if (!reader.required(members[0]) || !reader.number(members[0], kMaxNumber, id)) return false;
  reader.refusal().id = id;
  command.id = *id;

  const std::span<const Member> names = std::span(members).subspan(1);
  const auto named = std::ranges::find(names, true, &Member::given);
  if (named == names.end()) return unknown_command(object);
  if (std::ranges::count(names, true, &Member::given) > 1) {
    return reader.refuse(named->name, "there is another command beside it");
  }
  const Read read = kRead[static_cast<std::size_t>(named - names.begin())];
  return (this->*read)(named->value) || reader.within(named->name);
}

bool CommandParser::State::unknown_command(const JsonValue& object) {
  for (const auto& [name, value] : simdjson::dom::object(object)) {
    if (name == "id" || value.is_null()) continue;
    return reader.refuse("unknown command", told(name), ErrorCode::kUnknownCommand);
  }
  return reader.refuse("JSON", "no command beside the id");
}

bool CommandParser::State::hello(const JsonValue& arguments) {
  std::array<Member, 2> members{{{"client"}, {"token"}}};
  const auto& [client, token] = members;
  auto& hello = command.what.emplace<Hello>();
  return reader.find(arguments, members) && reader.text(client, hello.client) &&
         reader.text(token, hello.token);
}

bool CommandParser::State::subscribe(const JsonValue& arguments) {
  std::array<Member, 8> members{{{"sid"},
                                 {"topic"},
                                 {"from"},
                                 {"positions"},
                                 {"partitions"},
                                 {"topic_id"},
                                 {"epoch"},
                                 {"credit"}}};
  const auto& [sid_, topic, from_, positions_, partitions_, topic_id_, epoch, credit] = members;
  std::array<Member, 2> limits{{{"records"}, {"bytes"}}};
  auto& subscribe = command.what.emplace<Subscribe>();
  if (!reader.find(arguments, members) || !sid(sid_, subscribe.sid) || !reader.required(topic) ||
      !reader.text(topic, subscribe.topic) || !from(from_, subscribe.from) ||
      !positions(positions_, subscribe.positions) ||
      !partitions(partitions_, subscribe.partitions) || !topic_id(topic_id_, subscribe.topic_id) ||
      !reader.number(epoch, kMaxInt32, subscribe.epoch)) {
    return false;
  }
  return !credit.given ||
         (reader.find(credit.value, limits) &&
          reader.number(limits[0], kMaxNumber, subscribe.credit.records) &&
          reader.number(limits[1], kMaxNumber, subscribe.credit.bytes)) ||
         reader.within("credit");
}

template <class Of>
bool CommandParser::State::of_sid(const JsonValue& arguments) {
  std::array<Member, 1> members{{{"sid"}}};
  return reader.find(arguments, members) && sid(members[0], command.what.emplace<Of>().sid);
}

bool CommandParser::State::add_credit(const JsonValue& arguments) {
  std::array<Member, 3> members{{{"sid"}, {"records"}, {"bytes"}}};
  const auto& [sid_, records, bytes] = members;
  auto& add = command.what.emplace<AddCredit>();
  if (!reader.find(arguments, members) || !sid(sid_, add.sid) ||
      !reader.number(records, kMaxNumber, add.credit.records) ||
      !reader.number(bytes, kMaxNumber, add.credit.bytes)) {
    return false;
  }
  return records.given || bytes.given || reader.refuse("", "of neither records nor bytes");
}

bool CommandParser::State::offsets(const JsonValue& arguments) {
  std::array<Member, 2> members{{{"topic"}, {"partitions"}}};
  const auto& [topic, partitions_] = members;
  auto& offsets = command.what.emplace<Offsets>();
  return reader.find(arguments, members) && reader.required(topic) &&
         reader.text(topic, offsets.topic) && partitions(partitions_, offsets.partitions);
}

bool CommandParser::State::publish(const JsonValue& arguments) {
  std::array<Member, 3> members{{{"topic"}, {"records"}, {"ack"}}};
  const auto& [topic, records, ack_] = members;
  auto& publish = command.what.emplace<Publish>();
  return reader.find(arguments, members) && reader.required(topic) &&
         reader.text(topic, publish.topic) && ack(ack_, publish.ack) && reader.required(records) &&
         record_list.read(records, publish.records);
}

bool CommandParser::State::ping(const JsonValue& arguments) {
  command.what.emplace<Ping>();
  return reader.find(arguments, {});
}

bool CommandParser::State::sid(const Member& member, std::uint32_t& out) {
  std::optional<std::uint32_t> sid;
  if (!reader.required(member) || !reader.number(member, 0xFFFF'FFFF, sid)) return false;
  out = *sid;
  return true;
}

bool CommandParser::State::from(const Member& member, std::optional<From>& out) {
  if (!member.given) return true;
  if (member.value.is_object()) return from_timestamp(member, out) || reader.within("from");
  std::string_view text;
  const bool is_text = member.value.get(text) == simdjson::SUCCESS;
  if (is_text && text == "latest") {
    out = From{.kind = From::Kind::kLatest};
  } else if (is_text && text == "earliest") {
    out = From{.kind = From::Kind::kEarliest};
  } else if (is_text && text.starts_with('-')) {
    if (const auto back = parse_digits(text.substr(1))) out = From{From::Kind::kBack, *back};
  } else if (const auto offset = parse_offset(member.value)) {
    out = From{From::Kind::kOffset, *offset};
  }
  return out || reader.refuse(member.name,
                              "must be \"latest\", \"earliest\", an offset, \"-100\" for so many "
                              "records back, or {\"timestamp\":milliseconds}");
}

bool CommandParser::State::from_timestamp(const Member& member, std::optional<From>& out) {
  std::array<Member, 1> members{{{"timestamp"}}};
  std::optional<std::int64_t> milliseconds;
  if (!reader.find(member.value, members) || !reader.required(members[0]) ||
      !reader.number(members[0], kMaxNumber, milliseconds)) {
    return false;
  }
  out = From{From::Kind::kTimestamp, *milliseconds};
  return true;
}

bool CommandParser::State::positions(const Member& member, std::span<const PartitionOffset>& out) {
  if (!member.given) return true;
  simdjson::dom::object object;
  if (member.value.get(object) != simdjson::SUCCESS) {
    return reader.refuse(member.name, "must be an object");
  }
  for (const auto& [name, value] : object) {
    if (position_list.size() == kMaxPartitions) {
      return reader.refuse(member.name, kTooMany, ErrorCode::kLimit);
    }
    const auto partition = parse_digits(name);
    const auto offset = parse_offset(value);
    if (!partition || *partition > static_cast<std::int64_t>(kMaxInt32) || !offset) {
      return reader.refuse(member.name, "must be offsets by partition, like {\"0\":\"8812\"}");
    }
    position_list.push_back({PartitionId(static_cast<std::int32_t>(*partition)), Offset(*offset)});
  }
  std::ranges::sort(position_list, {}, &PartitionOffset::partition);
  if (std::ranges::adjacent_find(position_list, {}, &PartitionOffset::partition) !=
      position_list.end()) {
    return reader.refuse(member.name, "a partition is given twice");
  }
  out = position_list;
  return true;
}

bool CommandParser::State::partitions(const Member& member, std::span<const PartitionId>& out) {
  JsonArray array;
  if (!member.given) return true;
  if (!reader.array(member, array)) return false;
  for (const JsonValue& value : array) {
    if (partition_list.size() == kMaxPartitions) {
      return reader.refuse(member.name, kTooMany, ErrorCode::kLimit);
    }
    std::uint64_t partition = 0;
    if (!reader.whole_number("", value, kMaxInt32, partition)) {
      return reader.within(member.name, partition_list.size());
    }
    partition_list.emplace_back(static_cast<std::int32_t>(partition));
  }
  std::ranges::sort(partition_list);
  if (std::ranges::adjacent_find(partition_list) != partition_list.end()) {
    return reader.refuse(member.name, "a partition is given twice");
  }
  out = partition_list;
  return true;
}

bool CommandParser::State::topic_id(const Member& member, std::optional<Uuid>& out) {
  std::string_view text;
  if (!member.given) return true;
  if (!reader.text(member, text)) return false;
  const auto id = parse_uuid(text);
  if (!id) return reader.refuse(member.name, id.error().message);
  out = *id;
  return true;
}

bool CommandParser::State::ack(const Member& member, Publish::Ack& out) {
  std::string_view text = "durable";
  if (!reader.text(member, text)) return false;
  if (text == "none") {
    out = Publish::Ack::kNone;
  } else if (text == "appended") {
    out = Publish::Ack::kAppended;
  } else if (text != "durable") {
    return reader.refuse(member.name, "must be none, appended or durable");
  }
  return true;
}

CommandParser::CommandParser() : state_(std::make_unique<State>()) {}
CommandParser::~CommandParser() = default;

const Command* CommandParser::parse(std::string_view object) {
  return state_->parse(object) ? &state_->command : nullptr;
}

const Refusal& CommandParser::refusal() const { return state_->reader.refusal(); }

}  // namespace duolog::push
