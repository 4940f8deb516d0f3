#include "registers.h"

#include <algorithm>
#include <utility>

#include "check.h"

namespace copse::crdt {
namespace {

template <typename Versions>
auto LowerBound(Versions& versions, Timestamp time) {
  return std::lower_bound(versions.begin(), versions.end(), time,
                          [](const RegisterVersion& version, Timestamp bound) { return version.time < bound; });
}

}  // namespace

Register::Register(const FieldId& id, RegisterKind kind)
    : number_(id.number), kind_(kind), key_(id.key.empty() ? nullptr : std::make_unique<const std::string>(id.key)) {}

Register::Times Register::VersionTimes() const {
  Times times;
  for (const RegisterVersion& version : versions_) times.push_back(version.time);
  return times;
}

void Register::Write(const Field& field, Timestamp time) {
  if (!field.replaces) {
    WriteLast(field.value, time);
    return;
  }
  for (const Timestamp replaced : *field.replaces) Replace(replaced);
  if (!field.value) return;
  if (awaited_ && awaited_->erase(time) > 0) {
    if (awaited_->empty()) awaited_.reset();
    return;
  }
  const auto at = LowerBound(versions_, time);
  CRDT_CHECK(at == versions_.end() || at->time != time);
  versions_.insert(at, RegisterVersion{time, field.value});
}

void Register::WriteLast(const std::optional<std::string>& value, Timestamp time) {
  if (versions_.empty()) {
    versions_.push_back(RegisterVersion{time, value});
  } else if (versions_.front().time < time) {
    versions_.front() = RegisterVersion{time, value};
  }
}

void Register::Replace(Timestamp replaced) {
  const auto found = LowerBound(versions_, replaced);
  if (found != versions_.end() && found->time == replaced) {
    versions_.erase(found);
    return;
  }
  // Either it has not arrived, or another op has replaced it too. The second costs eight bytes kept in vain.
  if (!awaited_) awaited_ = std::make_unique<absl::flat_hash_set<Timestamp>>();
  awaited_->insert(replaced);
}

const Register* Registers::Find(std::uint32_t number, std::string_view key, RegisterKind kind) const {
  const auto found = registers_.find(Order{number, key, kind});
  return found == registers_.end() ? nullptr : found->get();
}

Register& Registers::ForWrite(const Field& field) {
  const RegisterKind kind = field.replaces ? RegisterKind::kMultiValue : RegisterKind::kLastWriterWins;
  const auto found = registers_.find(Order{field.id.number, field.id.key, kind});
  if (found != registers_.end()) return **found;
  return **registers_.insert(std::make_unique<Register>(field.id, kind)).first;
}

std::vector<FieldId> Registers::HoldingValue(std::uint32_t number) const {
  std::vector<FieldId> ids;
  auto one = registers_.lower_bound(Order{number, std::string_view(), RegisterKind::kLastWriterWins});
  for (; one != registers_.end() && (*one)->number() == number; ++one) {
    const bool new_key = ids.empty() || ids.back().key != (*one)->key();
    if ((*one)->HoldsValue() && new_key) ids.push_back((*one)->id());
  }
  return ids;
}

}  // namespace copse::crdt
