#include "verify.h"

#include <copse/base/status_macros.h>

#include <algorithm>

#include "feed_keys.h"

namespace copse::replica {
namespace {

class FeedVerifier {
 public:
  FeedVerifier(const Store::Environment& environment, const Layout& layout, const Identity& identity,
               const Members& members, Store::Verification& result)
      : storage_(environment.storage),
        signatures_(environment.signatures),
        layout_(layout),
        identity_(identity),
        members_(members),
        result_(result) {}

  /// `limit`: where the feed is known to end.
  absl::Status Run(crdt::ActorId actor, const FeedEnd& limit) {
    absl::StatusOr<std::unique_ptr<FeedReader>> feed =
        FeedReader::Open(storage_, layout_.feed(actor), identity_.volume, actor, &limit);
    if (!feed.ok()) return Report(feed.status());
    COPSE_RETURN_IF_ERROR(ReadFrames(**feed));
    const FeedEnd& end = (*feed)->end();
    if ((*feed)->is_torn()) {
      Add((end.segment.empty() ? layout_.feed(actor) : end.segment) + " offset " + std::to_string(end.segment_bytes) +
          ": what follows is not a frame");
    }
    if (end.ops != limit.ops || end.last_frame != limit.last_frame) {
      Add(layout_.feed(actor) + ": ends with op " + std::to_string(end.ops) + ", but " + std::to_string(limit.ops) +
          " ops were written to it");
    }
    return absl::OkStatus();
  }

  /// Of the frames read, those in order; of frames that their author did not sign, none.
  const std::map<crdt::ActorId, std::vector<Grant>>& grants() const { return grants_; }

  /// Damage, and what is missing, is a finding; a disk that fails ends the verification.
  absl::Status Report(const absl::Status& status) {
    if (!absl::IsDataLoss(status) && !absl::IsNotFound(status)) return status;
    Add(std::string(status.message()));
    return absl::OkStatus();
  }

 private:
  absl::Status ReadFrames(FeedReader& feed) {
    for (;;) {
      FeedItem item;
      const absl::StatusOr<bool> more = feed.Next(item);
      if (!more.ok()) {
        COPSE_RETURN_IF_ERROR(Report(more.status()));
      } else if (*more) {
        CheckFrame(item);
      } else {
        return absl::OkStatus();
      }
    }
  }

  void CheckFrame(const FeedItem& item) {
    ++result_.frames;
    if (absl::Status verified = At(item, VerifyAuthor(members_, item.frame, signatures_)); !verified.ok()) {
      Add(std::string(verified.message()));
    } else {
      std::vector<Grant>& grants = grants_[item.frame.header.actor];
      grants.insert(grants.end(), item.frame.header.grants.begin(), item.frame.header.grants.end());
    }
    const absl::StatusOr<std::vector<crdt::Op>> ops = OpenFrameWith(identity_, item.frame);
    if (ops.ok()) {
      result_.ops += ops->size();
    } else {
      Add(std::string(At(item, ops.status()).message()));
    }
  }

  void Add(std::string problem) { result_.problems.push_back(std::move(problem)); }

  base::Storage& storage_;
  const SignatureScheme& signatures_;
  const Layout& layout_;
  const Identity& identity_;
  const Members& members_;
  Store::Verification& result_;
  std::map<crdt::ActorId, std::vector<Grant>> grants_;
};

}  // namespace

absl::Status VerifyFeeds(const Store::Environment& environment, const Layout& layout, const Identity& identity,
                         const Members& members, const std::map<crdt::ActorId, FeedEnd>& ends,
                         Store::Verification& result) {
  if (const absl::Status status = CheckStore(environment.storage, layout).status(); !status.ok()) {
    result.problems.emplace_back(status.message());
  }
  FeedVerifier verifier(environment, layout, identity, members, result);
  const absl::StatusOr<std::vector<crdt::ActorId>> actors = ListFeeds(environment.storage, layout);
  if (!actors.ok()) return verifier.Report(actors.status());
  for (const crdt::ActorId actor : *actors) {
    // A feed that has come since the verification began is not looked at.
    if (const auto end = ends.find(actor); end != ends.end()) COPSE_RETURN_IF_ERROR(verifier.Run(actor, end->second));
  }
  for (const auto& [actor, end] : ends) {
    if (std::find(actors->begin(), actors->end(), actor) == actors->end()) {
      result.problems.push_back(layout.feed(actor) + " is missing");
    }
  }
  for (const auto& [granter, grant] : Members(identity.founder).AddAll(verifier.grants())) {
    result.ineffective_grants.push_back("actor " + std::to_string(granter) + " lets in " + grant.label + " (" +
                                        FingerprintOf(grant.key) + ") as actor " + std::to_string(grant.actor) +
                                        ", which was not its to give");
  }
  return absl::OkStatus();
}

}  // namespace copse::replica
