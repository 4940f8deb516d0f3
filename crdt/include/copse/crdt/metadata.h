#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/crdt/bytes.h>

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace copse::crdt {

/// A member with its name; see Named. Holds a reference only.
template <typename T>
class NamedValue {
 public:
  NamedValue(const char* name, T& value) : name_(name), value_(value) {}
  const char* name() const { return name_; }
  T& value() const { return value_; }

 private:
  const char* name_;
  T& value_;
};

/// A member with its name, for archives that want names: `ar & Named("title", title)`. Serves the archives below, and
/// every one of Boost.Serialization (with boost_serialization.h), XML included.
template <typename T>
const NamedValue<T> Named(const char* name, T& value) {
  return NamedValue<T>(name, value);
}

class MetadataWriter;
class MetadataReader;

/// A type that describes itself by `template <class Archive> void serialize(Archive& ar, unsigned version)`, with
/// `ar & member & member...`: the member function that Boost.Serialization uses as well. `version` is 0.
template <typename T>
concept Serializable = requires(T& value, MetadataWriter& writer) {
  value.serialize(writer, 0u);
};

/// How a program's metadata becomes the bytes that ops carry (Place::name), and back. Specialise it for a type that
/// has a form of its own. What a specialisation must promise: equal values give equal bytes, what ToBytes gives
/// FromBytes takes, and FromBytes answers hostile bytes with an error, alike on every machine: it decides which ops
/// have an effect.
///
/// std::string is its own bytes. A Serializable struct is its members, one after another, without names: docs/
/// embedding.md, "Metadata". Members may be integers, bool, enumerations, float and double, std::string, std::vector
/// and std::optional of such, and Serializable structs, nested at most kNestingMax deep.
template <typename T>
struct MetadataTraits {
  static std::string ToBytes(const T& value);
  /// Errors: kDataLoss with the offset and what was expected there. Allocates in proportion to the bytes.
  static absl::StatusOr<T> FromBytes(std::string_view bytes);
};

template <>
struct MetadataTraits<std::string> {
  static std::string ToBytes(const std::string& value) { return value; }
  static absl::StatusOr<std::string> FromBytes(std::string_view bytes) { return std::string(bytes); }
};

namespace metadata_internal {

inline constexpr int kNestingMax = 64;  // Types may be recursive, and bytes hostile: deeper values are refused.

template <typename T>
struct IsVector : std::false_type {};
template <typename T>
struct IsVector<std::vector<T>> : std::true_type {};
template <typename T>
struct IsOptional : std::false_type {};
template <typename T>
struct IsOptional<std::optional<T>> : std::true_type {};

/// NamedValue, and Boost's name-value pair, which looks the same.
template <typename T>
concept HasName = requires(const T& pair) {
  { pair.name() } -> std::same_as<const char*>;
  requires std::is_lvalue_reference_v<decltype(pair.value())>;
};

template <typename T>
concept Floating = std::same_as<T, float> || std::same_as<T, double>;
template <typename T>
using BitsOf = std::conditional_t<sizeof(T) == sizeof(std::uint32_t), std::uint32_t, std::uint64_t>;

/// `char` is signed on some machines: there it is written as elsewhere.
template <typename T>
using Portable = std::conditional_t<std::same_as<T, char>, unsigned char, T>;

template <typename>
inline constexpr bool kNever = false;

}  // namespace metadata_internal

/// Writes the members that a Serializable shows it.
class MetadataWriter {
 public:
  using is_saving = std::true_type;
  using is_loading = std::false_type;

  template <typename T>
  MetadataWriter& operator&(const T& value) {
    Write(value);
    return *this;
  }
  template <typename T>
  MetadataWriter& operator<<(const T& value) {
    return *this & value;
  }
  std::string Take() && { return std::move(bytes_).Take(); }

 private:
  template <typename T>
  void Write(const T& value) {
    using namespace metadata_internal;
    if constexpr (HasName<T>) {
      Write(value.value());
    } else if constexpr (std::is_enum_v<T>) {
      Write(static_cast<std::underlying_type_t<T>>(value));
    } else if constexpr (std::same_as<T, bool>) {
      bytes_.U8(value ? 1 : 0);
    } else if constexpr (std::is_integral_v<T>) {
      if constexpr (std::is_signed_v<Portable<T>>) {
        bytes_.SignedVarint(value);
      } else {
        bytes_.Varint(static_cast<Portable<T>>(value));
      }
    } else if constexpr (Floating<T>) {
      const auto bits = std::bit_cast<BitsOf<T>>(value);
      if constexpr (sizeof(bits) == sizeof(std::uint32_t)) {
        bytes_.U32(bits);
      } else {
        bytes_.U64(bits);
      }
    } else if constexpr (std::same_as<T, std::string>) {
      bytes_.LengthPrefixed(value);
    } else if constexpr (IsVector<T>::value) {
      bytes_.Varint(value.size());
      for (const auto& element : value) Write(static_cast<const typename T::value_type&>(element));
    } else if constexpr (IsOptional<T>::value) {
      bytes_.U8(value ? 1 : 0);
      if (value) Write(*value);
    } else if constexpr (Serializable<T>) {
      // One function reads and writes, so it is not const; a writer changes nothing.
      const_cast<T&>(value).serialize(*this, 0u);
    } else {
      static_assert(kNever<T>, "metadata cannot have a member of this type: give it serialize()");
    }
  }

  ByteWriter bytes_;
};

/// Reads into the members that a Serializable shows it. After an error nothing more is read.
class MetadataReader {
 public:
  using is_saving = std::false_type;
  using is_loading = std::true_type;

  explicit MetadataReader(std::string_view bytes) : bytes_(bytes) {}

  template <typename T>
  MetadataReader& operator&(T& value) {
    Read(value);
    return *this;
  }
  template <metadata_internal::HasName T>
  MetadataReader& operator&(const T& pair) {
    Read(pair.value());
    return *this;
  }
  template <typename T>
  MetadataReader& operator>>(T&& value) {
    return *this & value;
  }
  /// The first error; also if something is left over.
  absl::Status Finish() {
    if (status_.ok()) status_ = bytes_.ExpectEnd();
    return status_;
  }

 private:
  template <typename T>
  void Read(T& value) {
    using namespace metadata_internal;
    if (!status_.ok()) return;
    if constexpr (HasName<T>) {
      Read(value.value());
    } else if constexpr (std::is_enum_v<T>) {
      std::underlying_type_t<T> number{};
      Read(number);
      value = static_cast<T>(number);
    } else if constexpr (std::same_as<T, bool>) {
      value = ReadFlag();
    } else if constexpr (std::is_integral_v<T>) {
      value = static_cast<T>(ReadInteger<Portable<T>>());
    } else if constexpr (Floating<T>) {
      if constexpr (sizeof(T) == sizeof(std::uint32_t)) {
        value = std::bit_cast<T>(Take(bytes_.U32()));
      } else {
        value = std::bit_cast<T>(Take(bytes_.U64()));
      }
    } else if constexpr (std::same_as<T, std::string>) {
      value = std::string(Take(bytes_.LengthPrefixed()));
    } else if constexpr (IsVector<T>::value) {
      ReadVector(value);
    } else if constexpr (IsOptional<T>::value) {
      value.reset();
      if (ReadFlag()) Nested([&] { Read(value.emplace()); });
    } else if constexpr (Serializable<T>) {
      Nested([&] { value.serialize(*this, 0u); });
    } else {
      static_assert(kNever<T>, "metadata cannot have a member of this type: give it serialize()");
    }
  }

  template <typename T>
  T Take(absl::StatusOr<T> read) {
    if (read.ok()) return *read;
    status_ = read.status();
    return T{};
  }

  bool ReadFlag() {
    const std::uint8_t flag = Take(bytes_.U8());
    if (flag > 1) status_ = bytes_.Error("0 or 1 before here");
    return flag == 1;
  }

  template <typename T>
  T ReadInteger() {
    using Wide = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
    Wide wide{};
    if constexpr (std::is_signed_v<T>) {
      wide = Take(bytes_.SignedVarint());
    } else {
      wide = Take(bytes_.Varint());
    }
    if (wide < std::numeric_limits<T>::min() || wide > std::numeric_limits<T>::max()) {
      status_ = bytes_.Error("an integer of " + std::to_string(8 * sizeof(T)) + " bits before here");
      return T{};
    }
    return static_cast<T>(wide);
  }

  template <typename T>
  void ReadVector(std::vector<T>& value) {
    static_assert(!std::is_empty_v<T>, "elements must have bytes, which bound how many a length can claim");
    value.clear();
    const std::uint64_t count = Take(bytes_.Varint());
    if (status_.ok() && count > bytes_.remaining()) {
      status_ =
          bytes_.Error(std::to_string(count) + " elements, there are " + std::to_string(bytes_.remaining()) + " bytes");
    }
    for (std::uint64_t i = 0; i < count && status_.ok(); ++i) {
      T element{};
      Nested([&] { Read(element); });
      value.push_back(std::move(element));
    }
  }

  template <typename Body>
  void Nested(Body body) {
    if (nesting_ == metadata_internal::kNestingMax) {
      status_ = bytes_.Error("at most " + std::to_string(nesting_) + " values within each other before here");
      return;
    }
    ++nesting_;
    body();
    --nesting_;
  }

  ByteReader bytes_;
  absl::Status status_;
  int nesting_ = 0;
};

template <typename T>
std::string MetadataTraits<T>::ToBytes(const T& value) {
  static_assert(Serializable<T>, "give the type serialize(), or specialise MetadataTraits");
  MetadataWriter writer;
  writer& value;
  return std::move(writer).Take();
}

template <typename T>
absl::StatusOr<T> MetadataTraits<T>::FromBytes(std::string_view bytes) {
  static_assert(Serializable<T>, "give the type serialize(), or specialise MetadataTraits");
  T value{};
  MetadataReader reader(bytes);
  reader& value;
  if (absl::Status status = reader.Finish(); !status.ok()) return status;
  return value;
}

}  // namespace copse::crdt
