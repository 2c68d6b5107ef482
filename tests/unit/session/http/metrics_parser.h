// A strict reader of Prometheus' text format 0.0.4, with the rules of `promtool check metrics`.
#pragma once

#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace duolog::session {

struct ParsedMetrics {
  std::map<std::string, double> samples;     // by name and labels, as they are written
  std::map<std::string, std::string> types;  // by family
  std::string problem;                       // the first line that is wrong, and why

  // The sum over all samples of a family.
  [[nodiscard]] double sum(const std::string& family) const {
    double total = 0;
    for (const auto& [series, value] : samples) {
      if (series.substr(0, series.find('{')) == family) total += value;
    }
    return total;
  }
  // How many series a family has.
  [[nodiscard]] std::size_t count(const std::string& family) const {
    std::size_t found = 0;
    for (const auto& [series, value] : samples) {
      if (series.substr(0, series.find('{')) == family) ++found;
    }
    return found;
  }
};

// Each family has one HELP, one TYPE, then its samples and nothing between them; no series comes
// twice; values are finite and, of a counter, not negative; a counter's name, and no other's, ends
// in _total.
inline ParsedMetrics parse_metrics(const std::string& text) {
  static const std::regex kHelp(R"(# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) \S.*)");
  static const std::regex kType(R"(# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge))");
  static const std::regex kSample(
      R"re(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[a-zA-Z_]\w*="([^"\\\n]|\\["\\n])*")re"
      R"re((,[a-zA-Z_]\w*="([^"\\\n]|\\["\\n])*")*\})? (-?[0-9]+(\.[0-9]+)?))re");
  ParsedMetrics parsed;
  std::set<std::string> helped;
  std::string family;
  std::istringstream lines(text);
  std::string line;
  std::smatch match;
  const auto wrong = [&](const std::string& why) {
    if (parsed.problem.empty()) parsed.problem = why + ": " + line;
  };
  if (!text.ends_with('\n')) wrong("the last line has no end");
  while (std::getline(lines, line)) {
    if (std::regex_match(line, match, kHelp)) {
      if (!helped.insert(match[1]).second) wrong("a second HELP");
      family = match[1];
    } else if (std::regex_match(line, match, kType)) {
      if (family != match[1]) wrong("TYPE without HELP");
      if (!parsed.types.emplace(match[1], match[2]).second) wrong("a second TYPE");
      if (family.ends_with("_total") != (match[2] == "counter")) wrong("_total is for counters");
    } else if (std::regex_match(line, match, kSample)) {
      if (family != match[1] || !parsed.types.contains(family)) wrong("not below its family");
      const double value = std::stod(match[6]);
      if (value < 0 && parsed.types[family] == "counter") wrong("a negative counter");
      if (!parsed.samples.emplace(match[1].str() + match[2].str(), value).second) {
        wrong("a series for the second time");
      }
    } else {
      wrong("not of the format");
    }
  }
  return parsed;
}

}  // namespace duolog::session
