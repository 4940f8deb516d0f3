#include "crash/record.h"

#include <algorithm>

namespace copse::crash {

void Record::Appended(std::span<const crdt::Op> batch) { own_.insert(own_.end(), batch.begin(), batch.end()); }

absl::Status Record::CheckOwn(const Ops& replayed) const {
  const std::string counts = std::to_string(replayed.size()) + " own ops of " + std::to_string(own_.size()) + ", " +
                             std::to_string(durable_) + " of them durable";
  if (replayed.size() < durable_) return absl::DataLossError("lost: there are " + counts);
  if (replayed.size() > own_.size()) return absl::DataLossError("more than was made: there are " + counts);
  if (!std::equal(replayed.begin(), replayed.end(), own_.begin())) return absl::DataLossError("other ops than made");
  if (!replayed.empty() && !replayed.back().ends_batch) return absl::DataLossError("half a batch: there are " + counts);
  return absl::OkStatus();
}

void Record::ReopenedWith(crdt::ActorId self, const std::map<crdt::ActorId, Ops>& replayed) {
  shown_.clear();
  for (const auto& [actor, ops] : replayed) {
    if (actor != self) shown_[actor] = ops.size();
  }
  const auto own = replayed.find(self);
  durable_ = own == replayed.end() ? 0 : own->second.size();
  own_.resize(durable_);
}

void Record::WritesTo(crdt::NodeId file, const std::string& before) {
  contents_.try_emplace(file, Content{{before}, 0});
}

void Record::ContentIsDurable(crdt::NodeId file) {
  const auto found = contents_.find(file);
  if (found != contents_.end()) found->second.durable = found->second.versions.size() - 1;
}

void Record::AllContentIsDurable() {
  for (auto& [file, content] : contents_) content.durable = content.versions.size() - 1;
}

absl::Status Record::CheckContent(crdt::NodeId file, std::string_view shown) const {
  const Content& content = contents_.at(file);
  const std::span<const std::string> candidates = std::span(content.versions).subspan(content.durable);
  const std::string name = "inode " + std::to_string(file.value) + " of " + std::to_string(shown.size()) + " bytes";
  const auto has_size = [&](const std::string& version) { return version.size() == shown.size(); };
  if (std::none_of(candidates.begin(), candidates.end(), has_size)) {
    return absl::DataLossError(name + " has a size that it never had since it was synced at " +
                               std::to_string(candidates.front().size()) + " bytes");
  }
  for (std::size_t at = 0; at < shown.size(); ++at) {
    const auto has_byte = [&](const std::string& version) { return at < version.size() && version[at] == shown[at]; };
    if (std::none_of(candidates.begin(), candidates.end(), has_byte)) {
      return absl::DataLossError(name + " holds at " + std::to_string(at) + " what was not there since its last sync");
    }
  }
  return absl::OkStatus();
}

bool Record::HasVersion(const crdt::NodeId* file, std::string_view content) const {
  const auto has = [&](const Content& one) {
    return std::find(one.versions.begin(), one.versions.end(), content) != one.versions.end();
  };
  if (file == nullptr) {
    return std::any_of(contents_.begin(), contents_.end(), [&](const auto& one) { return has(one.second); });
  }
  const auto found = contents_.find(*file);
  return found != contents_.end() && has(found->second);
}

void Record::RestartContent(crdt::NodeId file, std::string shown) {
  const auto found = contents_.find(file);
  if (found == contents_.end()) return;
  found->second.versions.push_back(std::move(shown));
  found->second.durable = found->second.versions.size() - 1;
}

}  // namespace copse::crash
