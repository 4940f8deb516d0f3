#pragma once

#include <copse/crdt/timestamp.h>
#include <copse/fs/attributes.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "volume/open_file.h"

// What the numbers that the kernel is given, and some names, lead to.

namespace copse::fs {

/// The versions that a sibling's id stood for when it was last looked at, or what has replaced them: they tell what it
/// is a number of after it has become the file, or a file of its own.
struct ServedVersion {
  NodeId inode;
  std::vector<crdt::Timestamp> heads;
  bool is_file = false;  ///< They were the file's own then: the number is one of the inode, whatever comes.
};

/// What this process alone knows of a number, if that is more than how often the kernel has looked it up; gone when the
/// kernel has forgotten the number and nobody uses it.
struct Local {
  std::shared_ptr<OpenFile> open;
  std::optional<ServedVersion> version;  ///< Of siblings only.
};

/// What a number that the kernel has leads to: inodes have several where directories are united, and where siblings
/// have become files.
struct Subject {
  NodeId number;  ///< As asked for: its st_ino.
  NodeId key;     ///< What its contents and its links are known by: the inode, or the id of a sibling.
  NodeId inode;   ///< Whose registers hold the attributes: of a directory, the representative.
  Kind kind = Kind::kRegular;
  bool is_sibling() const { return key != inode; }
};

/// A name that is served though it is not listed.
struct ServedName {
  NodeId target;            ///< The number that the name led to.
  bool is_emptied = false;  ///< A deleted directory that was still used, until it was emptied here.
};

}  // namespace copse::fs
