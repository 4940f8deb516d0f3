#include "frontend/passthrough.h"

#include "content/about_to_wait.h"

namespace copse::fs {

std::optional<std::int32_t> Passthrough::Begin(Volume::Handle* handle) {
  const absl::StatusOr<int> descriptor = volume_.BeginPassthrough(handle);
  if (!descriptor.ok()) return std::nullopt;
  const absl::StatusOr<std::int32_t> backing = Wire::OpenBacking(device_, *descriptor);
  if (backing.ok()) return *backing;
  volume_.EndPassthrough(handle);
  const std::lock_guard lock(mutex_);
  offer_ = Offer::kRefused;
  volume_.OfferPassthrough(false);
  return std::nullopt;
}

Passthrough::Serving Passthrough::Open(Volume::Handle* handle, NodeId node) {
  if (!wire_.has_passthrough()) return {{}, volume_.PassesThrough(handle)};
  std::unique_lock lock(mutex_);
  if (offer_ == Offer::kUnsaid) {
    offer_ = Offer::kMade;
    volume_.OfferPassthrough(true);
  }
  Inode& inode = inodes_[node];  // Stays where it is until its last handle is closed.
  ++inode.handles;
  if (inode.state == Inode::State::kDeciding) {
    AboutToWait();
    decided_.wait(lock, [&] { return inode.state == Inode::State::kDecided; });
  }
  if (inode.state == Inode::State::kOpen) {
    if (volume_.MayPassThrough(handle, node)) {
      inode.state = Inode::State::kDeciding;
      lock.unlock();
      const std::optional<std::int32_t> backing = Begin(handle);
      lock.lock();
      inode.backing = backing;
      decided_.notify_all();
    }
    inode.state = Inode::State::kDecided;
  } else if (inode.backing) {
    // With the lock, as the handles that it passes through for are closed with it. So this does not fail, nor wait.
    volume_.BeginPassthrough(handle).IgnoreError();
  }
  if (inode.backing) return {inode.backing, false};
  const bool has_passed = with_old_pages_.erase(node) > 0;
  return {{}, has_passed || volume_.PassesThrough(handle)};
}

void Passthrough::Close(NodeId node) {
  if (!wire_.has_passthrough()) return;
  std::optional<std::int32_t> unused;
  {
    const std::lock_guard lock(mutex_);
    const auto inode = inodes_.find(node);
    if (--inode->second.handles > 0) return;
    unused = inode->second.backing;
    inodes_.erase(inode);
    if (unused) with_old_pages_.insert(node);
  }
  if (unused && device_ >= 0) Wire::CloseBacking(device_, *unused);
}

void Passthrough::Detach() {
  for (const auto& [node, inode] : inodes_) {
    if (inode.backing) Wire::CloseBacking(device_, *inode.backing);
  }
  device_ = -1;
}

}  // namespace copse::fs
