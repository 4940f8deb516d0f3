#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/fs/volume.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace copse::simulation {

/// Every name of a volume, as a program that walks it sees it: path -> "kind inode links".
using Names = std::map<std::string, std::string>;
absl::StatusOr<Names> WalkNames(fs::Volume& volume);

/// What programs were told, and so what a volume may show after a crash: the names after each call, and the contents
/// of each file after each write. Knows nothing of how they are kept.
class History {
 public:
  /// A call that may change names returned, or failed half-way; these are the names now.
  void NamesAre(Names names) { names_.push_back(std::move(names)); }
  /// Everything up to now is durable: a sync of any kind returned.
  void NamesAreDurable() { durable_names_ = names_.size() - 1; }

  void ContentIs(fs::NodeId node, std::string content) { contents_[node].versions.push_back(std::move(content)); }
  /// fsync of the file returned.
  void ContentIsDurable(fs::NodeId node) { contents_[node].durable = contents_[node].versions.size() - 1; }
  void AllContentIsDurable();
  std::string_view LatestContent(fs::NodeId node) const;

  /// Whether `names` is what some call left that came no earlier than the last durable one: P9.
  absl::Status CheckNames(const Names& names) const;
  /// Whether `content` is made of nothing but what was written to the file since its last durable version.
  absl::Status CheckContent(fs::NodeId node, std::string_view content) const;

  /// After a crash: `names` and the contents that were found are where the story goes on.
  void RestartFrom(Names names);
  void RestartContent(fs::NodeId node, std::string content) { contents_[node] = {{std::move(content)}, 0}; }

 private:
  struct Contents {
    std::vector<std::string> versions{""};
    std::size_t durable = 0;
  };
  std::vector<Names> names_;
  std::size_t durable_names_ = 0;
  std::map<fs::NodeId, Contents> contents_;
};

}  // namespace copse::simulation
