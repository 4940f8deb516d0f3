// Random programs against the volume and against a model that shares nothing with it: the same results, the same
// errors, the same tree; and the same again from the ops alone.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "fs/volume/posix_model.h"
#include "fs/volume/volume_fixture.h"

namespace copse::fs {
namespace {

using Id = PosixModel::Id;
using ModelKind = PosixModel::Kind;

std::string Name(int number) { return std::string(1, static_cast<char>('a' + number)); }

class Program {
 public:
  Program() {
    nodes_.push_back(kRoot);
    model_.now = world_.clock.Now();
  }

  void Step() {
    world_.clock.Advance(std::chrono::nanoseconds(1'000'003));
    model_.now = world_.clock.Now();
    const int call = *rc::gen::inRange(0, 19);
    RC_LOG() << "call " << call << ":";
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
        world_.Advance(std::chrono::milliseconds(*rc::gen::inRange(1, 4000)));
        break;
      case 17:
        CompareTree();
        break;
      case 18:
        *rc::gen::inRange(0, 4) == 0 ? Reopen() : CompareTree();
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
    RC_ASSERT(world_.volume->Flush().ok());
    const std::string dump = world_.volume->Dump();
    world_.Reopen();
    RC_ASSERT(world_.volume->Dump() == dump);
    CompareTree();
  }

 private:
  Volume& volume() { return *world_.volume; }
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
  Id AnyInode() { return Logged(*rc::gen::elementOf(Reachable())); }
  Id AnyDirectory() { return Logged(*rc::gen::elementOf(Reachable(true))); }
  std::optional<Id> AnyFile() {
    std::vector<Id> files;
    for (const Id id : Reachable()) {
      if (model_.At(id).kind == ModelKind::kFile) files.push_back(id);
    }
    if (files.empty()) return std::nullopt;
    return Logged(*rc::gen::elementOf(files));
  }
  std::string AnyName() { return Logged(Name(*rc::gen::inRange(0, 4))); }
  // A counterexample shows what each call was made with.
  template <typename T>
  static T Logged(T value) {
    RC_LOG() << ' ' << value << '\n';
    return value;
  }
  bool IsNamed(Id id) const { return model_.Links(id) > 0; }
  bool IsOpen(Id id) const { return handles_.contains(id); }

  void NoteMade(const absl::StatusOr<Volume::Entry>& made, std::errc expected, Id id) {
    RC_ASSERT(ErrorOf(made) == expected);
    if (!made.ok()) return;
    RC_ASSERT(static_cast<std::size_t>(id) == nodes_.size());
    nodes_.push_back(made->node);
  }

  void MakeFile() {
    const Id parent = AnyDirectory();
    const std::string name = AnyName();
    Id id = 0;
    const std::errc expected = model_.Make(parent, name, ModelKind::kFile, 0640, 1000, "", &id);
    auto created = volume().Create(kAlice, nodes_[parent], name, 0640, {.write = true});
    RC_ASSERT(ErrorOf(created) == expected);
    if (!created.ok()) return;
    nodes_.push_back(created->entry.node);
    if (*rc::gen::arbitrary<bool>()) {
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
    RC_ASSERT(ErrorOf(volume().Link(kAlice, nodes_[id], nodes_[parent], name)) == expected);
  }
  void Unlink() {
    const Id parent = AnyInode();
    const std::string name = AnyName();
    const std::errc expected = model_.Unlink(parent, name);
    RC_ASSERT(ErrorOf(volume().Unlink(kAlice, nodes_[parent], name)) == expected);
  }
  void Rmdir() {
    const Id parent = AnyInode();
    const std::string name = AnyName();
    const std::errc expected = model_.Rmdir(parent, name);
    RC_ASSERT(ErrorOf(volume().RemoveDirectory(kAlice, nodes_[parent], name)) == expected);
  }
  void Rename() {
    const Id from = AnyDirectory();
    const Id to = AnyDirectory();
    const std::string name = AnyName();
    const std::string new_name = AnyName();
    const unsigned flags = *rc::gen::inRange(0u, 3u);
    const std::errc expected =
        model_.Rename(from, name, to, new_name, flags == Volume::kRenameNoReplace, flags == Volume::kRenameExchange);
    RC_ASSERT(ErrorOf(volume().Rename(kAlice, nodes_[from], name, nodes_[to], new_name, flags)) == expected);
  }
  void Write() {
    const auto id = AnyFile();
    if (!id) return;
    const auto offset = static_cast<std::size_t>(*rc::gen::inRange(0, 900));
    const std::string bytes(static_cast<std::size_t>(*rc::gen::inRange(1, 700)),
                            static_cast<char>('0' + *rc::gen::inRange(0, 10)));
    model_.Write(*id, offset, bytes);
    Volume::Handle* handle = IsOpen(*id) ? handles_[*id] : nullptr;
    const auto written = volume().Write(nodes_[*id], handle, offset, bytes, true);
    RC_ASSERT(written.ok());
    RC_ASSERT(*written == bytes.size());
  }
  void Truncate() {
    const auto id = AnyFile();
    if (!id) return;
    const auto size = static_cast<std::uint64_t>(*rc::gen::inRange(0, 1500));
    model_.Truncate(*id, size);
    AttributeChanges changes;
    changes.size = size;
    RC_ASSERT(volume().SetAttributes(kAlice, nodes_[*id], changes).ok());
  }
  void Setattr() {
    const Id id = AnyInode();
    AttributeChanges changes;
    switch (*rc::gen::inRange(0, 3)) {
      case 0:
        model_.Chmod(id, *(changes.mode = *rc::gen::inRange(0u, 01000u)));
        break;
      case 1:
        model_.Chown(id, *(changes.uid = *rc::gen::inRange(0u, 5u)));
        break;
      case 2:
        model_.SetMtime(id, *(changes.mtime = *rc::gen::inRange(-1000, 1000)));
        break;
    }
    RC_ASSERT(volume().SetAttributes(kAlice, nodes_[id], changes).ok());
  }
  void Xattr() {
    const Id id = AnyInode();
    const std::string name = "user." + AnyName();
    if (*rc::gen::arbitrary<bool>()) {
      model_.SetXattr(id, name, "v" + name);
      RC_ASSERT(volume().SetXattr(kAlice, nodes_[id], name, "v" + name, Volume::XattrMode::kSet).ok());
    } else {
      const std::errc expected = model_.RemoveXattr(id, name);
      RC_ASSERT(ErrorOf(volume().RemoveXattr(kAlice, nodes_[id], name)) == expected);
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
      RC_ASSERT(handle.ok());
      handles_[*id] = *handle;
    }
  }
  void Fsync() { RC_ASSERT(volume().Fsync(nodes_[AnyInode()]).ok()); }
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
    RC_ASSERT(volume()
                  .List(node, 0,
                        [&](std::uint64_t position, const ShownEntry& entry, Kind) {
                          RC_ASSERT(position > last);
                          last = position;
                          RC_ASSERT(listed.emplace(entry.name, entry.target).second);
                          return true;
                        })
                  .ok());
    RC_ASSERT(listed.size() == expected.entries.size());
    for (const auto& [name, child] : expected.entries) {
      RC_ASSERT(listed.contains(name));
      RC_ASSERT(listed[name] == nodes_[child]);
      const auto found = volume().Lookup(node, name);
      RC_ASSERT(found.ok());
      RC_ASSERT(found->node == nodes_[child]);
      volume().Forget(found->node, 1);
      if (model_.At(child).kind == ModelKind::kDirectory) CompareDirectory(nodes_[child], child);
    }
  }

  void CompareInode(Id id, const PosixModel::Inode& expected) {
    const NodeId node = nodes_[id];
    const auto shown = volume().GetAttributes(node);
    RC_ASSERT(shown.ok());
    RC_ASSERT(shown->mode == expected.mode);
    RC_ASSERT(shown->uid == expected.uid);
    RC_ASSERT(static_cast<int>(shown->links) == model_.Links(id));
    RC_ASSERT(shown->mtime == expected.mtime);
    RC_ASSERT(shown->ctime == expected.ctime);
    if (expected.kind == ModelKind::kSymlink) RC_ASSERT(*volume().ReadLink(node) == expected.bytes);
    if (expected.kind == ModelKind::kFile) {
      RC_ASSERT(shown->size == expected.bytes.size());
      std::string bytes(expected.bytes.size() + 1, '?');
      const auto read = volume().Read(node, nullptr, 0, bytes);
      RC_ASSERT(read.ok());
      RC_ASSERT(*read == expected.bytes.size());
      RC_ASSERT(bytes.substr(0, *read) == expected.bytes);
    }
    std::string names;
    for (const auto& [name, value] : expected.xattrs) {
      names += name + '\0';
      RC_ASSERT(*volume().GetXattr(node, name) == value);
    }
    RC_ASSERT(*volume().ListXattrs(node) == names);
  }

  TestVolume world_;
  PosixModel model_;
  std::vector<NodeId> nodes_;  // By the model's number.
  std::map<Id, Volume::Handle*> handles_;
};

RC_GTEST_PROP(VolumeProperty, BehavesLikeAPosixFileSystemAndReplaysToTheSame, ()) {
  Program program;
  const int steps = *rc::gen::inRange(1, 150);
  for (int i = 0; i < steps; ++i) program.Step();
  program.CompareTree();
  program.CompareReplay();
}

}  // namespace
}  // namespace copse::fs
