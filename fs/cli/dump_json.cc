#include "cli/dump_json.h"

#include <absl/status/status.h>

#include "cli/json.h"

namespace copse::cli {
namespace {

struct Line {
  std::size_t depth = 0;
  std::string_view id;
  std::string_view value;
};

absl::StatusOr<Line> ParseLine(std::string_view text) {
  const std::size_t indent = text.find_first_not_of(' ');
  const std::size_t arrow = text.find(" => ");
  if (indent == std::string_view::npos || indent % 2 != 0 || arrow == std::string_view::npos ||
      text.substr(indent, 2) != "- " || arrow < indent + 2) {
    return absl::InternalError("a line of the dump is malformed: " + std::string(text));
  }
  return Line{indent / 2, text.substr(indent + 2, arrow - indent - 2), text.substr(arrow + 4)};
}

}  // namespace

absl::StatusOr<std::string> DumpAsJson(std::string_view dump) {
  std::string json;
  std::size_t open = 0;  // Nodes whose brace is not closed yet: those on the way to the last line, itself included.
  while (!dump.empty()) {
    const std::size_t end = dump.find('\n');
    const absl::StatusOr<Line> line = ParseLine(dump.substr(0, end));
    if (!line.ok()) return line.status();
    dump.remove_prefix(end == std::string_view::npos ? dump.size() : end + 1);
    if (line->depth > open || (line->depth == 0) != json.empty()) {
      return absl::InternalError("the dump's indentation makes no tree");
    }
    if (line->depth == open && open > 0) json += ",\"children\":[";
    for (; open > line->depth; --open) json += open == line->depth + 1 ? "}," : "}]";
    json += "{\"id\":";
    json += line->id;
    json += ",\"value\":";
    // The forest, which is no node, is called by a bare word.
    json += !line->value.empty() && line->value.front() == '{' ? std::string(line->value) : ToText(line->value);
    open = line->depth + 1;
  }
  for (; open > 0; --open) json += open == 1 ? "}" : "}]";
  return json;
}

}  // namespace copse::cli
