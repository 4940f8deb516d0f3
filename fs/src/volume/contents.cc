// Reading and writing: everything goes to the staged file of the inode, which all its handles share. What a write owes
// beside its bytes (space, set-id bits, times, a publication to come) is added here.
#include <sys/stat.h>

#include <algorithm>

#include "volume/volume_state.h"

namespace copse::fs {
namespace {

constexpr std::uint64_t kFileBytesMax = INT64_MAX;
constexpr std::size_t kCopyBytes = 1 << 20;  // Read and written at one time by CopyRange.
constexpr const char* kCapabilityXattr = "security.capability";

absl::Status CheckRange(std::uint64_t offset, std::uint64_t length) {
  if (offset > kFileBytesMax || length > kFileBytesMax - offset) {
    return PosixError(std::errc::file_too_large, "a file has at most 2^63-1 bytes");
  }
  return absl::OkStatus();
}

absl::Status CheckWriter(Volume::Handle* handle) {
  if (handle == nullptr || handle->flags().write) return absl::OkStatus();
  return PosixError(std::errc::bad_file_descriptor, "the handle was not opened for writing");
}

bool HasCapability(const crdt::Tree& tree, NodeId inode) {
  const auto capability = tree.Value(inode, schema::kXattr, kCapabilityXattr);
  return capability && capability->value.has_value();
}

}  // namespace

bool Volume::State::IsPrivileged(NodeId inode) const {
  const std::uint64_t mode = schema::UnsignedOf(tree(), inode, schema::kMode).value_or(0);
  return (mode & (S_ISUID | S_ISGID)) != 0 || HasCapability(tree(), inode);
}

std::vector<crdt::Field> Volume::State::PrivilegesToClear(NodeId inode, const SetidRule& setid) const {
  std::vector<crdt::Field> fields;
  const auto mode = static_cast<std::uint32_t>(schema::UnsignedOf(tree(), inode, schema::kMode).value_or(0));
  const auto group = static_cast<std::uint32_t>(schema::UnsignedOf(tree(), inode, schema::kGid).value_or(0));
  const std::uint32_t cleared = ModeAfter(setid, mode, group);
  if (cleared != mode) fields.push_back(schema::Set(schema::kMode, schema::EncodeUnsigned(cleared)));
  if (HasCapability(tree(), inode)) fields.push_back(schema::SetXattr(kCapabilityXattr, std::nullopt));
  return fields;
}

absl::Status Volume::State::ClearPrivileges(OpenFile& file, const SetidRule& setid) {
  const std::uint64_t now = counter.load(std::memory_order_acquire);
  if (file.unprivileged_at_counter.load(std::memory_order_relaxed) == now) return absl::OkStatus();
  {
    const TreeReadLock lock(tree_mutex);
    if (!IsPrivileged(file.inode)) {
      file.unprivileged_at_counter = replica.lamport_counter();
      return absl::OkStatus();
    }
  }
  Invalidations changed;
  {
    const TreeWriteLock lock(tree_mutex);
    std::vector<crdt::Field> fields = PrivilegesToClear(file.inode, setid);
    if (fields.empty()) return absl::OkStatus();
    Batch batch(replica);
    batch.Set(file.inode, std::move(fields));
    COPSE_ASSIGN_OR_RETURN(changed, Commit(std::move(batch)));
  }
  Announce(std::move(changed), {file.key});
  return absl::OkStatus();
}

void Volume::State::NoteWritten(OpenFile& file, std::uint64_t bytes) {
  file.written_at_counter = counter.load(std::memory_order_acquire);
  file.last_write = env.clock.Monotonic().count();
  CountWritten(file, bytes);
  SchedulePublication(file, options.publish_rest);
}

void Volume::State::NoteChange(OpenFile& file, std::uint64_t bytes) {
  NoteWritten(file, bytes);
  if (!has_sibling_numbers) return;
  // Which number the writer has used is not known here.
  const NodeId key = file.key;
  {
    const std::lock_guard lock(local_mutex);
    if (!sibling_numbers.contains(key)) return;
  }
  Announce({{}, {key}}, {});
}

absl::Status Volume::State::SetModificationTime(NodeId node, base::UnixNanoseconds now) {
  Invalidations changed;
  {
    const TreeWriteLock lock(tree_mutex);
    COPSE_ASSIGN_OR_RETURN(const Subject subject, SubjectOf(node));
    COPSE_ASSIGN_OR_RETURN(changed, SetRegisters(subject, {schema::Set(schema::kMtime, schema::EncodeTime(now))}, now));
  }
  Announce(std::move(changed), {node});
  return absl::OkStatus();
}

absl::StatusOr<bool> Volume::State::TruncateTo(OpenFile& file, std::uint64_t size, base::UnixNanoseconds now) {
  const std::uint64_t size_before = file.staged->size();
  if (size == size_before) return false;
  if (size > size_before) COPSE_RETURN_IF_ERROR(EnsureSpace(0));
  COPSE_RETURN_IF_ERROR(file.staged->Truncate(size, now));
  NoteChange(file, 0);
  return true;
}

absl::Status Volume::State::PrepareWrite(OpenFile& file, std::uint64_t offset, std::uint64_t bytes,
                                         const SetidRule& setid) {
  COPSE_RETURN_IF_ERROR(CheckRange(offset, bytes));
  if (bytes == 0) return absl::OkStatus();
  COPSE_RETURN_IF_ERROR(EnsureSpace(bytes));
  return ClearPrivileges(file, setid);
}

absl::Status Volume::State::WriteTo(OpenFile& file, std::uint64_t offset, std::string_view bytes,
                                    const SetidRule& setid) {
  COPSE_RETURN_IF_ERROR(PrepareWrite(file, offset, bytes.size(), setid));
  if (bytes.empty()) return absl::OkStatus();
  COPSE_RETURN_IF_ERROR(file.staged->Write(offset, bytes, env.clock.Now()));
  NoteChange(file, bytes.size());
  return absl::OkStatus();
}

absl::StatusOr<std::size_t> Volume::Read(NodeId node, Handle* handle, std::uint64_t offset, std::span<char> out) {
  COPSE_ASSIGN_OR_RETURN(const State::Pin file, state_->PinFor(node, handle));
  if (handle != nullptr && handle->IsFirstRead()) state_->NoteAccess(file->key);
  return file->staged->Read(offset, out);
}

absl::StatusOr<std::size_t> Volume::Write(NodeId node, Handle* handle, std::uint64_t offset, std::string_view bytes,
                                          const SetidRule& setid) {
  COPSE_RETURN_IF_ERROR(state_->CheckWritable());
  COPSE_RETURN_IF_ERROR(CheckWriter(handle));
  COPSE_ASSIGN_OR_RETURN(const State::Pin file, state_->PinFor(node, handle));
  COPSE_RETURN_IF_ERROR(state_->WriteTo(*file, offset, bytes, setid));
  return bytes.size();
}

absl::StatusOr<std::uint64_t> Volume::Append(NodeId node, Handle* handle, std::string_view bytes,
                                             const SetidRule& setid) {
  COPSE_RETURN_IF_ERROR(state_->CheckWritable());
  COPSE_RETURN_IF_ERROR(CheckWriter(handle));
  COPSE_ASSIGN_OR_RETURN(const State::Pin file, state_->PinFor(node, handle));
  COPSE_RETURN_IF_ERROR(state_->PrepareWrite(*file, file->staged->size(), bytes.size(), setid));
  if (bytes.empty()) return file->staged->size();
  COPSE_ASSIGN_OR_RETURN(const std::uint64_t offset, file->staged->Append(bytes, state_->env.clock.Now()));
  state_->NoteChange(*file, bytes.size());
  return offset;
}

absl::Status Volume::Fallocate(NodeId node, Handle* handle, int flags, std::uint64_t offset, std::uint64_t length,
                               const SetidRule& setid) {
  COPSE_RETURN_IF_ERROR(state_->CheckWritable());
  COPSE_RETURN_IF_ERROR(CheckWriter(handle));
  const bool keeps_size = (flags & kKeepSize) != 0;
  const int operation = flags & ~kKeepSize;
  const bool is_known = operation == 0 || operation == kZeroRange || (operation == kPunchHole && keeps_size);
  if (!is_known) return PosixError(std::errc::operation_not_supported, "no such mode of fallocate");
  if (length == 0) return PosixError(std::errc::invalid_argument, "fallocate of no bytes");
  COPSE_RETURN_IF_ERROR(CheckRange(offset, length));
  COPSE_ASSIGN_OR_RETURN(const State::Pin file, state_->PinFor(node, handle));
  // Space is reserved by nothing but the reserve: contents are stored again when they are published.
  if (operation != kPunchHole) COPSE_RETURN_IF_ERROR(state_->EnsureSpace(operation == 0 ? length : 0));
  const base::UnixNanoseconds now = state_->env.clock.Now();
  const std::uint64_t size = file->staged->size();
  const bool zeroes = operation != 0 && offset < size;
  const bool grows = !keeps_size && offset + length > size;
  COPSE_RETURN_IF_ERROR(state_->ClearPrivileges(*file, setid));
  if (zeroes) {
    COPSE_RETURN_IF_ERROR(file->staged->PunchHole(offset, std::min(length, size - offset), now));
    state_->NoteChange(*file, 0);
  }
  if (grows) {
    COPSE_RETURN_IF_ERROR(file->staged->Truncate(offset + length, now));
    state_->NoteChange(*file, 0);
  }
  return zeroes || grows ? absl::OkStatus() : state_->SetModificationTime(node, now);
}

absl::StatusOr<std::uint64_t> Volume::Seek(NodeId node, std::uint64_t offset, bool data) {
  COPSE_ASSIGN_OR_RETURN(const State::Pin file, state_->PinRegular(node));
  const absl::Status beyond = PosixError(std::errc::no_such_device_or_address, "no data at or after this offset");
  if (offset >= file->staged->size()) return beyond;
  if (!data) return file->staged->SeekHole(offset);
  COPSE_ASSIGN_OR_RETURN(const std::optional<std::uint64_t> found, file->staged->SeekData(offset));
  if (!found) return beyond;
  return *found;
}

absl::StatusOr<std::size_t> Volume::CopyRange(NodeId from, Handle* from_handle, std::uint64_t from_offset, NodeId to,
                                              Handle* to_handle, std::uint64_t to_offset, std::uint64_t length,
                                              const SetidRule& setid) {
  COPSE_RETURN_IF_ERROR(state_->CheckWritable());
  COPSE_RETURN_IF_ERROR(CheckWriter(to_handle));
  COPSE_ASSIGN_OR_RETURN(const State::Pin source, state_->PinFor(from, from_handle));
  COPSE_ASSIGN_OR_RETURN(const State::Pin target, state_->PinFor(to, to_handle));
  COPSE_RETURN_IF_ERROR(CheckRange(from_offset, 0));
  const std::uint64_t wanted = std::min(length, kFileBytesMax - from_offset);
  const bool overlaps =
      source->key.load() == target->key.load() && from_offset < to_offset + wanted && to_offset < from_offset + wanted;
  if (overlaps) return PosixError(std::errc::invalid_argument, "the ranges of copy_file_range overlap");
  // Through memory: the target's chunks are found to be the source's when they are stored.
  std::string buffer(std::min<std::uint64_t>(wanted, kCopyBytes), '\0');
  std::uint64_t copied = 0;
  while (copied < wanted) {
    const std::span<char> piece(buffer.data(), std::min<std::uint64_t>(buffer.size(), wanted - copied));
    const auto read = source->staged->Read(from_offset + copied, piece);
    if (!read.ok() && copied == 0) return read.status();
    if (!read.ok() || *read == 0) break;
    const absl::Status written =
        state_->WriteTo(*target, to_offset + copied, std::string_view(buffer.data(), *read), setid);
    if (!written.ok() && copied == 0) return written;
    if (!written.ok()) break;
    copied += *read;
  }
  return static_cast<std::size_t>(copied);
}

}  // namespace copse::fs
