// Any bytes as what a crash left of a staging: it is left where it is, or recovered. Then it shows what the log says,
// byte by byte, and shows the same after it is persisted and the machine stops again, and when it is published. The
// first bytes say how long the file of written bytes is, and whether one of an unfinished log stands beside it.

#include <copse/base/memory_storage.h>
#include <copse/fs/staged_file.h>
#include <support/memory_content_store.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "choices.h"
#include "content/staging_log.h"
#include "fuzz.h"
#include "staging_checksums.h"

namespace copse::fuzz {
namespace {

const std::string kDirectory = "/staging";
const std::string kStem = kDirectory + "/000700000000002a";
constexpr std::uint64_t kSizeMax = 1 << 20;  // Of what is read and published: longer ones only take longer.

class Machine {
 public:
  explicit Machine(std::string_view bytes) {
    Choices choices(bytes);
    data_.resize(choices.Below(256) << choices.Below(8));
    for (std::size_t i = 0; i < data_.size(); ++i) data_[i] = static_cast<char>('a' + i % 23);
    const bool has_unfinished = choices.Below(4) == 0;
    log_ = std::string(choices.TakeRest());
    Require(storage_.CreateDirectory(kDirectory).ok() && storage_.SyncDirectory("/").ok());
    Put(kStem + ".data", data_);
    if (has_unfinished) Put(kStem + ".extents.new", log_);
  }

  void Check(const std::string& log) {
    Put(kStem + ".extents", log);
    const auto contents = fs::ParseStagingLog(log);
    std::vector<fs::StagingArea::Recovered> recovered = Recover();
    Require(recovered.empty() || contents.ok());
    if (recovered.empty()) return;
    Require(recovered.size() == 1 && recovered[0].node == contents->header.node &&
            recovered[0].publications == contents->publications);
    fs::StagedFile& file = *recovered[0].file;
    Require(file.dirty() && file.size() == contents->sum.size && file.mtime() == contents->sum.mtime);
    const bool is_inline = contents->header.base.level == 0 && contents->header.base.entries.empty();
    if (file.size() > kSizeMax || !is_inline) return;
    const std::string expected = Expected(*contents);
    Require(ReadAll(file) == expected);
    Require(file.Write(0, "new", 5).ok() && file.Persist().ok());
    recovered.clear();

    storage_.Crash(base::MemoryStorage::Keep::kNothing);
    recovered = Recover();
    Require(recovered.size() == 1);
    std::string written = expected;
    written.replace(0, 3, "new");
    Require(ReadAll(*recovered[0].file) == written);
    const auto manifest = recovered[0].file->Publish();
    Require(manifest.ok() && manifest->size == written.size());
    Require(recovered[0].file->Rebase(*manifest, {}).ok() && ReadAll(*recovered[0].file) == written);
    recovered.clear();
    Require(Recover().empty() && storage_.List(kDirectory)->empty());
  }

  void Check() {
    Check(log_);
    area_.reset();
    Check(WithStagingChecksums(log_));
  }

 private:
  void Put(const std::string& path, std::string_view bytes) {
    Require(base::ReplaceFile(storage_, path, bytes).ok() && storage_.SyncDirectory(kDirectory).ok());
  }

  std::vector<fs::StagingArea::Recovered> Recover() {
    auto area = fs::StagingArea::Open(storage_, content_, kDirectory, std::string(32, 'k'), {});
    Require(area.ok());
    area_ = *std::move(area);
    std::vector<std::string> left;
    auto recovered = area_->Recover([](crdt::NodeId) { return true; }, left);
    Require(recovered.ok() && recovered->size() + left.size() <= 1);
    return *std::move(recovered);
  }

  std::string ReadAll(const fs::StagedFile& file) {
    std::string bytes(file.size(), '?');
    const auto read = file.Read(0, bytes);
    Require(read.ok() && *read == bytes.size());
    return bytes;
  }

  std::string Expected(const fs::StagingLogContents& contents) const {
    const fs::ChangeSet& changes = contents.sum.changes;
    std::string bytes = contents.header.base.inline_bytes.substr(0, std::min(changes.limit(), contents.sum.size));
    bytes.resize(contents.sum.size, '\0');
    for (const auto& [begin, tail] : changes.ranges()) {
      for (std::uint64_t at = begin; at < tail.end; ++at) {
        bytes[at] = tail.kind == fs::RangeKind::kData ? data_[at] : '\0';
      }
    }
    return bytes;
  }

  base::MemoryStorage storage_;
  test::MemoryContentStore content_;
  std::string data_;
  std::string log_;
  std::unique_ptr<fs::StagingArea> area_;
};

}  // namespace
}  // namespace copse::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  copse::fuzz::Machine(copse::fuzz::Bytes(data, size)).Check();
  return 0;
}
