#pragma once

// Boost.Serialization for the types of this library: include it where archives are used. Nothing else here includes
// Boost. Works with every archive: text, binary, XML.
//
//     boost::archive::xml_oarchive archive(file);
//     archive << boost::serialization::make_nvp("document", document);
//
// What is loaded is checked for its ranges only; ops go through Document::Merge or TreeReplica::Ingest, which judge
// them. Damaged archives give an exception of Boost's (boost::archive::archive_exception) or of the standard library.
// Two weaknesses are Boost's own: it believes the lengths of strings in an archive, and an XML archive that is opened
// with its header ends the program where its last tag is damaged. Bytes from strangers are better taken as JSON, by
// DecodeOpDelta, or by Document::Load.
//
// Names and values of registers may be any bytes. So that each archive keeps them, what is not printable ASCII is
// written as %XX, as is '%'.

#include <copse/crdt/document.h>
#include <copse/crdt/metadata.h>
#include <copse/crdt/net_event.h>
#include <copse/crdt/op.h>
#include <copse/crdt/op_delta.h>
#include <copse/crdt/tree.h>
#include <copse/crdt/version_vector.h>

#include <boost/archive/archive_exception.hpp>
#include <boost/serialization/level.hpp>
#include <boost/serialization/nvp.hpp>
#include <boost/serialization/split_free.hpp>
#include <boost/serialization/string.hpp>
#include <boost/serialization/tracking.hpp>
#include <boost/serialization/wrapper.hpp>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace copse::crdt::boost_internal {

[[noreturn]] inline void Refuse() {
  throw boost::archive::archive_exception(boost::archive::archive_exception::input_stream_error);
}

inline std::string Escaped(const std::string& bytes) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string text;
  for (const char character : bytes) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte > 0x20 && byte < 0x7f && character != '%') {
      text += character;
    } else {
      text += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return text;
}

inline std::string Unescaped(const std::string& text) {
  const auto digit = [&](std::size_t at) -> unsigned {
    const char character = at < text.size() ? text[at] : '\0';
    if (character >= '0' && character <= '9') return static_cast<unsigned>(character - '0');
    if (character >= 'A' && character <= 'F') return static_cast<unsigned>(character - 'A' + 10);
    Refuse();
  };
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      bytes += text[i];
    } else {
      bytes += static_cast<char>(digit(i + 1) << 4 | digit(i + 2));
      i += 2;
    }
  }
  return bytes;
}

template <class Archive>
void Bytes(Archive& ar, const char* name, std::string& bytes) {
  if constexpr (Archive::is_saving::value) {
    std::string text = Escaped(bytes);
    ar& boost::serialization::make_nvp(name, text);
  } else {
    std::string text;
    ar& boost::serialization::make_nvp(name, text);
    bytes = Unescaped(text);
  }
}

/// `each(ar, element)` for every element, after their number. The number of a damaged archive allocates nothing.
template <class Archive, class T, class Each>
void Sequence(Archive& ar, const char* name, std::vector<T>& values, Each each) {
  std::uint64_t count = values.size();
  ar& boost::serialization::make_nvp(name, count);
  if constexpr (Archive::is_loading::value) values.clear();
  for (std::uint64_t i = 0; i < count; ++i) {
    if constexpr (Archive::is_loading::value) values.emplace_back();
    each(ar, values[static_cast<std::size_t>(i)]);
  }
}

template <class Archive, class T>
void Sequence(Archive& ar, const char* name, const char* element, std::vector<T>& values) {
  Sequence(ar, name, values,
           [element](Archive& archive, T& value) { archive& boost::serialization::make_nvp(element, value); });
}

/// Whether there is a value, then `body(ar, value)`.
template <class Archive, class T, class Body>
void Optional(Archive& ar, const char* name, std::optional<T>& value, Body body) {
  bool has_value = value.has_value();
  ar& boost::serialization::make_nvp(name, has_value);
  if constexpr (Archive::is_loading::value) value.reset();
  if (!has_value) return;
  if constexpr (Archive::is_loading::value) value.emplace();
  body(ar, *value);
}

template <class Archive, class T>
void Optional(Archive& ar, const char* name, const char* element, std::optional<T>& value) {
  Optional(ar, name, value,
           [element](Archive& archive, T& held) { archive& boost::serialization::make_nvp(element, held); });
}

template <class Archive>
void Actor(Archive& ar, copse::crdt::ActorId& actor) {
  std::uint32_t number = actor;
  ar& boost::serialization::make_nvp("actor", number);
  if (number > std::numeric_limits<copse::crdt::ActorId>::max()) Refuse();
  actor = static_cast<copse::crdt::ActorId>(number);
}

}  // namespace copse::crdt::boost_internal

// Values: no class information in the archive, and no addresses remembered.
#define COPSE_BOOST_VALUE(TYPE)                                               \
  BOOST_CLASS_IMPLEMENTATION(TYPE, boost::serialization::object_serializable) \
  BOOST_CLASS_TRACKING(TYPE, boost::serialization::track_never)
COPSE_BOOST_VALUE(copse::crdt::NodeId)
COPSE_BOOST_VALUE(copse::crdt::Timestamp)
COPSE_BOOST_VALUE(copse::crdt::VersionVector)
COPSE_BOOST_VALUE(copse::crdt::Place)
COPSE_BOOST_VALUE(copse::crdt::FieldId)
COPSE_BOOST_VALUE(copse::crdt::Field)
COPSE_BOOST_VALUE(copse::crdt::Op)
COPSE_BOOST_VALUE(copse::crdt::OpDelta)
COPSE_BOOST_VALUE(copse::crdt::RegisterVersion)
COPSE_BOOST_VALUE(copse::crdt::Placement)
COPSE_BOOST_VALUE(copse::crdt::NetEvent)
#undef COPSE_BOOST_VALUE

namespace boost::serialization {

template <class Archive>
void serialize(Archive& ar, copse::crdt::NodeId& node, unsigned) {
  ar& make_nvp("value", node.value);
}

template <class Archive>
void serialize(Archive& ar, copse::crdt::Timestamp& time, unsigned) {
  ar& make_nvp("value", time.value);
}

template <class Archive>
void serialize(Archive& ar, copse::crdt::VersionVector& version, unsigned) {
  using Count = std::pair<copse::crdt::ActorId, std::uint64_t>;
  std::vector<Count> counts(version.counts().begin(), version.counts().end());
  copse::crdt::boost_internal::Sequence(ar, "actors", counts, [](Archive& archive, Count& count) {
    copse::crdt::boost_internal::Actor(archive, count.first);
    archive& make_nvp("count", count.second);
  });
  if constexpr (Archive::is_loading::value) {
    version = copse::crdt::VersionVector();
    for (const auto& [actor, count] : counts) version.Raise(actor, count);
  }
}

template <class Archive>
void serialize(Archive& ar, copse::crdt::Place& place, unsigned) {
  ar& make_nvp("parent", place.parent);
  copse::crdt::boost_internal::Bytes(ar, "name", place.name);
}

template <class Archive>
void serialize(Archive& ar, copse::crdt::FieldId& id, unsigned) {
  ar& make_nvp("number", id.number);
  copse::crdt::boost_internal::Bytes(ar, "key", id.key);
}

template <class Archive>
void serialize(Archive& ar, copse::crdt::Field& field, unsigned) {
  namespace internal = copse::crdt::boost_internal;
  ar& make_nvp("id", field.id);
  internal::Optional(ar, "has_value", field.value,
                     [](Archive& archive, std::string& value) { internal::Bytes(archive, "value", value); });
  internal::Optional(ar, "has_replaces", field.replaces,
                     [](Archive& archive, auto& times) { internal::Sequence(archive, "replaces", "time", times); });
}

template <class Archive>
void serialize(Archive& ar, copse::crdt::Op& op, unsigned) {
  namespace internal = copse::crdt::boost_internal;
  ar& make_nvp("time", op.time);
  ar& make_nvp("child", op.child);
  internal::Optional(ar, "has_place", "place", op.place);
  internal::Optional(ar, "has_guard", "guard", op.guard);
  internal::Sequence(ar, "fields", "field", op.fields);
  ar& make_nvp("ends_batch", op.ends_batch);
}

template <class Archive>
void serialize(Archive& ar, copse::crdt::OpDelta& delta, unsigned) {
  ar& make_nvp("since", delta.since);
  copse::crdt::boost_internal::Sequence(ar, "ops", "op", delta.ops);
}

template <class Archive>
void serialize(Archive& ar, copse::crdt::RegisterVersion& version, unsigned) {
  namespace internal = copse::crdt::boost_internal;
  ar& make_nvp("time", version.time);
  internal::Optional(ar, "has_value", version.value,
                     [](Archive& archive, std::string& value) { internal::Bytes(archive, "value", value); });
}

template <class Archive>
void serialize(Archive& ar, copse::crdt::Placement& placement, unsigned) {
  ar& make_nvp("parent", placement.parent);
  copse::crdt::boost_internal::Bytes(ar, "name", placement.name);
  ar& make_nvp("claim", placement.claim);
}

template <class Archive>
void serialize(Archive& ar, copse::crdt::NetEvent& event, unsigned) {
  namespace internal = copse::crdt::boost_internal;
  ar& make_nvp("node", event.node);
  internal::Optional(ar, "has_before", "before", event.before);
  internal::Optional(ar, "has_after", "after", event.after);
  internal::Sequence(ar, "fields", "field", event.fields);
  ar& make_nvp("place_before_trash_changed", event.place_before_trash_changed);
}

/// A document with its actor and all its ops; what it held before is replaced. Not what can be undone.
template <class Archive, class Meta>
void serialize(Archive& ar, copse::crdt::Document<Meta>& document, unsigned) {
  copse::crdt::ActorId actor = document.actor();
  copse::crdt::boost_internal::Actor(ar, actor);
  if constexpr (Archive::is_saving::value) {
    copse::crdt::OpDelta all = document.OpsSince({});
    ar& make_nvp("all", all);
  } else {
    copse::crdt::OpDelta all;
    ar& make_nvp("all", all);
    if (actor == 0) copse::crdt::boost_internal::Refuse();
    copse::crdt::Document<Meta> loaded(actor);
    if (!loaded.Merge(std::move(all)).ok()) copse::crdt::boost_internal::Refuse();
    document = std::move(loaded);
  }
}

// For both: Boost's own serialize would be the better match for the one that is left out.
template <class Archive, class T>
void serialize(Archive& ar, const copse::crdt::NamedValue<T>& named, unsigned) {
  ar& make_nvp(named.name(), named.value());
}
template <class Archive, class T>
void serialize(Archive& ar, copse::crdt::NamedValue<T>& named, unsigned) {
  ar& make_nvp(named.name(), named.value());
}

template <class T>
struct is_wrapper_impl<const copse::crdt::NamedValue<T>> : mpl::true_ {};
template <class T>
struct implementation_level_impl<const copse::crdt::NamedValue<T>> {
  using tag = mpl::integral_c_tag;
  using type = mpl::int_<object_serializable>;
  static constexpr int value = object_serializable;
};
template <class T>
struct tracking_level<copse::crdt::NamedValue<T>> {
  using tag = mpl::integral_c_tag;
  using type = mpl::int_<track_never>;
  static constexpr int value = track_never;
};
template <class T>
struct tracking_level<const copse::crdt::NamedValue<T>> : tracking_level<copse::crdt::NamedValue<T>> {};

}  // namespace boost::serialization
