#pragma once

#include <copse/crdt/timestamp.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace copse::crdt {

/// One version in a register: when it was written, and what.
struct RegisterVersion {
  Timestamp time;
  std::optional<std::string> value;  ///< Absent: cleared (last-writer-wins registers only).

  friend bool operator==(const RegisterVersion&, const RegisterVersion&) = default;
};

/// A RegisterVersion that somebody else keeps.
struct RegisterVersionView {
  Timestamp time;
  std::optional<std::string_view> value;

  RegisterVersionView() = default;
  RegisterVersionView(Timestamp the_time, std::optional<std::string_view> the_value)
      : time(the_time), value(the_value) {}
  RegisterVersionView(const RegisterVersion& version)  // NOLINT(google-explicit-constructor): as std::string_view's.
      : time(version.time), value(version.value) {}
  explicit operator RegisterVersion() const {
    return RegisterVersion{time, value ? std::optional<std::string>(*value) : std::nullopt};
  }

  friend bool operator==(const RegisterVersionView&, const RegisterVersionView&) = default;
};

/// The live versions of a multi-value register, ascending by time: nearly always none or one. A value, whose elements
/// point into what it was asked of.
class RegisterVersions {
 public:
  using const_iterator = const RegisterVersionView*;

  std::size_t size() const { return rest_.empty() ? (has_first_ ? 1 : 0) : rest_.size(); }
  bool empty() const { return size() == 0; }
  const_iterator begin() const { return rest_.empty() ? &first_ : rest_.data(); }
  const_iterator end() const { return begin() + size(); }
  const RegisterVersionView& front() const { return *begin(); }
  const RegisterVersionView& back() const { return *(end() - 1); }

  /// `version` is later than those before it.
  void Add(const RegisterVersionView& version) {
    if (empty()) {
      first_ = version;
      has_first_ = true;
      return;
    }
    if (rest_.empty()) rest_.push_back(first_);
    rest_.push_back(version);
  }

 private:
  RegisterVersionView first_;
  bool has_first_ = false;
  std::vector<RegisterVersionView> rest_;  // All of them where there are several.
};

}  // namespace copse::crdt
