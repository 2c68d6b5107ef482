#include "tools/duolog/disk/finding.h"

#include "tools/duolog/client/json_bytes.h"

namespace duolog::tools {

std::string to_line(const Finding& finding) {
  std::string line;
  if (!finding.topic.empty()) {
    line = finding.topic;
    if (finding.partition != kNotKnown) line += "-" + std::to_string(finding.partition);
    if (finding.offset != kNotKnown && finding.last_offset > finding.offset) {
      line +=
          " offsets " + std::to_string(finding.offset) + ".." + std::to_string(finding.last_offset);
    } else if (finding.offset != kNotKnown) {
      line += " offset " + std::to_string(finding.offset);
    }
    line += ", ";
  }
  line += finding.file;
  if (finding.position != kNotKnown) line += " at position " + std::to_string(finding.position);
  return line + ": " + finding.what;
}

std::string to_json(const Finding& finding) {
  OrderedJson object;
  object["kind"] = finding.kind;
  const auto put = [&object](const char* name, std::int64_t value) {
    if (value != kNotKnown) object[name] = value;
  };
  if (!finding.topic.empty()) object["topic"] = finding.topic;
  put("partition", finding.partition);
  put("offset", finding.offset);
  put("last_offset", finding.last_offset);
  object["file"] = finding.file;
  put("position", finding.position);
  object["what"] = finding.what;
  return object.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

}  // namespace duolog::tools
