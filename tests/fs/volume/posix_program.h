#pragma once

#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "fs/volume/posix_model.h"
#include "fs/volume/volume_fixture.h"

namespace copse::fs {

/// A random program on a volume, call by call, against the model: the same results, the same errors, the same tree. Who
/// draws the numbers decides what is called. What differs is thrown as std::logic_error, with the calls so far.
class PosixProgram {
 public:
  using Id = PosixModel::Id;
  using ModelKind = PosixModel::Kind;

  /// A number from `begin` up to `end`, exclusive.
  using Draw = std::function<int(int begin, int end)>;

  explicit PosixProgram(Draw draw) : draw_(std::move(draw)) {
    nodes_.push_back(kRoot);
    model_.now = world_.clock.Now();
  }

  void Step() {
    world_.clock.Advance(std::chrono::nanoseconds(1'000'003));
    model_.now = world_.clock.Now();
    const int call = draw_(0, 19);
    trace_ += "call " + std::to_string(call) + ":";
    switch (call) {
      case 0:
      case 1:
        MakeFile();
        break;
      case 2:
        MakeDirectory();
        break;
      case 3:
        MakeSymlink();
        break;
      case 4:
        Link();
        break;
      case 5:
        Unlink();
        break;
      case 6:
        Rmdir();
        break;
      case 7:
      case 8:
        Rename();
        break;
      case 9:
      case 10:
        Write();
        break;
      case 11:
        Truncate();
        break;
      case 12:
        Setattr();
        break;
      case 13:
        Xattr();
        break;
      case 14:
        OpenOrRelease();
        break;
      case 15:
        Fsync();
        break;
      case 16:
        world_.Advance(std::chrono::milliseconds(draw_(1, 4000)));
        break;
      case 17:
        CompareTree();
        break;
      case 18:
        draw_(0, 4) == 0 ? Reopen() : CompareTree();
        break;
    }
  }

  void CompareTree() {
    CompareDirectory(kRoot, PosixModel::kRootId);
    for (const auto& [id, inode] : model_.inodes()) {
      if (id != PosixModel::kRootId && (IsNamed(id) || IsOpen(id))) CompareInode(id, inode);
    }
  }

  void CompareReplay() {
    CloseAll();
    Expect(world_.volume->Flush().ok());
    const std::string dump = world_.volume->Dump();
    world_.Reopen();
    Expect(world_.volume->Dump() == dump);
    CompareTree();
  }

 private:
  Volume& volume() { return *world_.volume; }
  void Expect(bool holds, int line = __builtin_LINE()) const {
    if (!holds) throw std::logic_error("line " + std::to_string(line) + " does not hold after:\n" + trace_);
  }
  template <typename T>
  const T& OneOf(const std::vector<T>& all) {
    return all[static_cast<std::size_t>(draw_(0, static_cast<int>(all.size())))];
  }
  template <typename Result>
  static std::errc ErrorOf(const Result& result) {
    if constexpr (std::is_same_v<Result, absl::Status>) {
      return result.ok() ? std::errc{} : PosixErrorOf(result);
    } else {
      return ErrorOf(absl::Status(result.status()));
    }
  }

  // Any inode that a program can still reach: the kernel asks for no others.
  std::vector<Id> Reachable(bool directories_only = false) {
    std::vector<Id> ids;
    for (const auto& [id, inode] : model_.inodes()) {
      const bool is_directory = inode.kind == ModelKind::kDirectory;
      if (directories_only ? is_directory : is_directory || IsNamed(id) || IsOpen(id)) ids.push_back(id);
    }
    return ids;
  }
  Id AnyInode() { return Logged(OneOf(Reachable())); }
  Id AnyDirectory() { return Logged(OneOf(Reachable(true))); }
  std::optional<Id> AnyFile() {
    std::vector<Id> files;
    for (const Id id : Reachable()) {
      if (model_.At(id).kind == ModelKind::kFile) files.push_back(id);
    }
    if (files.empty()) return std::nullopt;
    return Logged(OneOf(files));
  }
  std::string AnyName() { return Logged(std::string(1, static_cast<char>('a' + draw_(0, 4)))); }
  // A counterexample shows what each call was made with.
  template <typename T>
  T Logged(T value) {
    if constexpr (std::is_same_v<T, std::string>) {
      trace_ += " " + value;
    } else {
      trace_ += " " + std::to_string(value);
    }
    return value;
  }
  bool IsNamed(Id id) const { return model_.Links(id) > 0; }
  bool IsOpen(Id id) const { return handles_.contains(id); }

  void NoteMade(const absl::StatusOr<Volume::Entry>& made, std::errc expected, Id id) {
    Expect(ErrorOf(made) == expected);
    if (!made.ok()) return;
    Expect(static_cast<std::size_t>(id) == nodes_.size());
    nodes_.push_back(made->node);
  }

  void MakeFile() {
    const Id parent = AnyDirectory();
    const std::string name = AnyName();
    Id id = 0;
    const std::errc expected = model_.Make(parent, name, ModelKind::kFile, 0640, 1000, "", &id);
    auto created = volume().Create(kAlice, nodes_[parent], name, 0640, {.write = true});
    Expect(ErrorOf(created) == expected);
    if (!created.ok()) return;
    nodes_.push_back(created->entry.node);
    if (draw_(0, 2) == 0) {
      handles_[id] = created->handle;
    } else {
      volume().Release(created->handle);
    }
  }
  void MakeDirectory() {
    const Id parent = AnyDirectory();
    const std::string name = AnyName();
    Id id = 0;
    const std::errc expected = model_.Make(parent, name, ModelKind::kDirectory, 0755, 1000, "", &id);
    NoteMade(volume().MakeDirectory(kAlice, nodes_[parent], name, 0755), expected, id);
  }
  void MakeSymlink() {
    const Id parent = AnyDirectory();
    const std::string name = AnyName();
    Id id = 0;
    const std::errc expected = model_.Make(parent, name, ModelKind::kSymlink, 0777, 1000, "to/" + name, &id);
    NoteMade(volume().MakeSymlink(kAlice, nodes_[parent], name, "to/" + name), expected, id);
  }
  void Link() {
    const Id id = AnyInode();
    const Id parent = AnyDirectory();
    const std::string name = AnyName();
    const std::errc expected = model_.Link(id, parent, name);
    Expect(ErrorOf(volume().Link(kAlice, nodes_[id], nodes_[parent], name)) == expected);
  }
  void Unlink() {
    const Id parent = AnyInode();
    const std::string name = AnyName();
    const std::errc expected = model_.Unlink(parent, name);
    Expect(ErrorOf(volume().Unlink(kAlice, nodes_[parent], name)) == expected);
  }
  void Rmdir() {
    const Id parent = AnyInode();
    const std::string name = AnyName();
    const std::errc expected = model_.Rmdir(parent, name);
    Expect(ErrorOf(volume().RemoveDirectory(kAlice, nodes_[parent], name)) == expected);
  }
  void Rename() {
    const Id from = AnyDirectory();
    const Id to = AnyDirectory();
    const std::string name = AnyName();
    const std::string new_name = AnyName();
    const unsigned flags = static_cast<unsigned>(draw_(0, 3));
    const std::errc expected =
        model_.Rename(from, name, to, new_name, flags == Volume::kRenameNoReplace, flags == Volume::kRenameExchange);
    Expect(ErrorOf(volume().Rename(kAlice, nodes_[from], name, nodes_[to], new_name, flags)) == expected);
  }
  void Write() {
    const auto id = AnyFile();
    if (!id) return;
    const auto offset = static_cast<std::size_t>(draw_(0, 900));
    const std::string bytes(static_cast<std::size_t>(draw_(1, 700)), static_cast<char>('0' + draw_(0, 10)));
    model_.Write(*id, offset, bytes);
    Volume::Handle* handle = IsOpen(*id) ? handles_[*id] : nullptr;
    const auto written = volume().Write(nodes_[*id], handle, offset, bytes, {.clears = true});
    Expect(written.ok());
    Expect(*written == bytes.size());
  }
  void Truncate() {
    const auto id = AnyFile();
    if (!id) return;
    const auto size = static_cast<std::uint64_t>(draw_(0, 1500));
    model_.Truncate(*id, size);
    AttributeChanges changes;
    changes.size = size;
    Expect(volume().SetAttributes(kAlice, nodes_[*id], changes).ok());
  }
  void Setattr() {
    const Id id = AnyInode();
    AttributeChanges changes;
    switch (draw_(0, 3)) {
      case 0:
        model_.Chmod(id, *(changes.mode = static_cast<std::uint32_t>(draw_(0, 01000))));
        break;
      case 1:
        model_.Chown(id, *(changes.uid = static_cast<std::uint32_t>(draw_(0, 5))));
        break;
      case 2:
        model_.SetMtime(id, *(changes.mtime = draw_(-1000, 1000)));
        break;
    }
    Expect(volume().SetAttributes(kAlice, nodes_[id], changes).ok());
  }
  void Xattr() {
    const Id id = AnyInode();
    const std::string name = "user." + AnyName();
    if (draw_(0, 2) == 0) {
      model_.SetXattr(id, name, "v" + name);
      Expect(volume().SetXattr(kAlice, nodes_[id], name, "v" + name, Volume::XattrMode::kSet).ok());
    } else {
      const std::errc expected = model_.RemoveXattr(id, name);
      Expect(ErrorOf(volume().RemoveXattr(kAlice, nodes_[id], name)) == expected);
    }
  }
  void OpenOrRelease() {
    const auto id = AnyFile();
    if (!id) return;
    if (IsOpen(*id)) {
      volume().Release(handles_[*id]);
      handles_.erase(*id);
    } else {
      const auto handle = volume().Open(nodes_[*id], {.write = true});
      Expect(handle.ok());
      handles_[*id] = *handle;
    }
  }
  void Fsync() { Expect(volume().Fsync(nodes_[AnyInode()]).ok()); }
  void CloseAll() {
    for (const auto& [id, handle] : handles_) volume().Release(handle);
    handles_.clear();
  }
  void Reopen() {
    CloseAll();
    world_.Reopen();
    CompareTree();
  }

  void CompareDirectory(NodeId node, Id id) {
    const PosixModel::Inode& expected = model_.At(id);
    std::map<std::string, NodeId> listed;
    std::uint64_t last = 15;
    Expect(volume()
               .List(node, 0,
                     [&](std::uint64_t position, const ShownEntry& entry, Kind) {
                       Expect(position > last);
                       last = position;
                       Expect(listed.emplace(entry.name, entry.target).second);
                       return true;
                     })
               .ok());
    Expect(listed.size() == expected.entries.size());
    for (const auto& [name, child] : expected.entries) {
      Expect(listed.contains(name));
      Expect(listed[name] == nodes_[child]);
      const auto found = volume().Lookup(node, name);
      Expect(found.ok());
      Expect(found->node == nodes_[child]);
      volume().Forget(found->node, 1);
      if (model_.At(child).kind == ModelKind::kDirectory) CompareDirectory(nodes_[child], child);
    }
  }

  void CompareInode(Id id, const PosixModel::Inode& expected) {
    const NodeId node = nodes_[id];
    const auto shown = volume().GetAttributes(node);
    Expect(shown.ok());
    Expect(shown->mode == expected.mode);
    Expect(shown->uid == expected.uid);
    Expect(static_cast<int>(shown->links) == model_.Links(id));
    Expect(shown->mtime == expected.mtime);
    Expect(shown->ctime == expected.ctime);
    if (expected.kind == ModelKind::kSymlink) Expect(*volume().ReadLink(node) == expected.bytes);
    if (expected.kind == ModelKind::kFile) {
      Expect(shown->size == expected.bytes.size());
      std::string bytes(expected.bytes.size() + 1, '?');
      const auto read = volume().Read(node, nullptr, 0, bytes);
      Expect(read.ok());
      Expect(*read == expected.bytes.size());
      Expect(bytes.substr(0, *read) == expected.bytes);
    }
    std::string names;
    for (const auto& [name, value] : expected.xattrs) {
      names += name + '\0';
      Expect(*volume().GetXattr(node, name) == value);
    }
    Expect(*volume().ListXattrs(node) == names);
  }

  const Draw draw_;
  std::string trace_;
  TestVolume world_;
  PosixModel model_;
  std::vector<NodeId> nodes_;  // By the model's number.
  std::map<Id, Volume::Handle*> handles_;
};

}  // namespace copse::fs
