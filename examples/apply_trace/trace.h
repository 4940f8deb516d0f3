#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <istream>
#include <nlohmann/json.hpp>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

/// A trace of moves as it was read. Its nodes are numbered as they come up; number 0 is the node 0.
class Trace {
 public:
  struct Move {
    std::uint64_t time;  ///< The counter over the actor's 16 bits.
    std::uint32_t parent;
    std::uint32_t child;
    std::string meta;
  };

  /// Errors: kInvalidArgument with the number of the line, and what is wrong there.
  absl::Status Read(std::istream& in) {
    std::string line;
    for (std::uint64_t number = 1; std::getline(in, line); ++number) {
      if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
      if (const std::string wrong = ReadLine(line); !wrong.empty()) {
        return absl::InvalidArgumentError("line " + std::to_string(number) + ": " + wrong);
      }
    }
    EndBatch();
    return in.bad() ? absl::UnavailableError("standard input cannot be read") : absl::OkStatus();
  }

  /// In the order of the trace; of one time only the first.
  std::vector<Move>& moves() { return moves_; }
  /// Behind the last move of each batch; batches without moves are none.
  const std::vector<std::size_t>& batch_ends() const { return batch_ends_; }
  /// The ids of the nodes, by number.
  const std::vector<std::uint64_t>& ids() const { return ids_; }
  std::uint64_t ops_read() const { return ops_read_; }

 private:
  using Json = nlohmann::json;

  // Returns what is wrong with it; nothing if it is right.
  std::string ReadLine(const std::string& line) {
    const Json json = Json::parse(line, nullptr, false);
    if (json.is_discarded()) return "this is not JSON";
    if (!json.is_object()) return "expected an object";
    if (const auto commit = json.find("commit"); commit != json.end()) {
      if (*commit != true) return "\"commit\" must be true";
      EndBatch();
      return "";
    }
    const auto time = json.find("time");
    const auto meta = json.find("meta");
    if (time == json.end() || !time->is_array() || time->size() != 2) return "\"time\" must be [counter, actor]";
    if (!IsBelow((*time)[0], std::uint64_t{1} << 48)) return "the counter must be an integer from 0 to 2^48 - 1";
    if (!IsBelow((*time)[1], std::uint64_t{1} << 16)) return "the actor must be an integer from 0 to 2^16 - 1";
    for (const char* key : {"parent", "child"}) {
      if (!json.contains(key) || !json[key].is_number_unsigned()) {
        return "\"" + std::string(key) + "\" must be an integer from 0 to 2^64 - 1";
      }
    }
    if (json["child"] == 0) return "\"child\" must not be 0, which never moves";
    if (meta == json.end() || !meta->is_string()) return "\"meta\" must be a string";
    ++ops_read_;
    const std::uint64_t value = ((*time)[0].get<std::uint64_t>() << 16) | (*time)[1].get<std::uint64_t>();
    if (times_.insert(value).second) {
      moves_.push_back({value, NumberOf(json["parent"]), NumberOf(json["child"]), meta->get<std::string>()});
    }
    return "";
  }

  static bool IsBelow(const Json& json, std::uint64_t end) {
    return json.is_number_unsigned() && json.get<std::uint64_t>() < end;
  }

  void EndBatch() {
    if (moves_.size() > (batch_ends_.empty() ? 0 : batch_ends_.back())) batch_ends_.push_back(moves_.size());
  }

  std::uint32_t NumberOf(std::uint64_t id) {
    const auto [found, is_new] = numbers_.try_emplace(id, static_cast<std::uint32_t>(ids_.size()));
    if (is_new) ids_.push_back(id);
    return found->second;
  }

  std::vector<Move> moves_;
  std::vector<std::size_t> batch_ends_;
  std::unordered_set<std::uint64_t> times_;
  std::vector<std::uint64_t> ids_ = {0};
  std::unordered_map<std::uint64_t, std::uint32_t> numbers_ = {{0, 0}};
  std::uint64_t ops_read_ = 0;
};
