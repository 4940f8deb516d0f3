// Programs work in real mounts until the process that serves them is killed, or the file system that holds the store
// loses its power; then the mount is made again, and compared with what they had been told.
//
//   copse_plug kill|power --rounds N [--seed N] [--without-sync LIBRARY]
//
// Exit status: 0 nothing was lost (with --without-sync: the loss was noticed), 1 otherwise, 77 skipped: COPSE_SKIP
// names what is missing here. Needs COPSE (the program); works below TMPDIR.

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "plug/history.h"
#include "plug/process.h"
#include "plug/user.h"

namespace copse::plug {
namespace {

constexpr int kUsers = 4;
constexpr int kRoundsPerStore = 40;  // A store grows with each, and so does the time to verify it.
constexpr int kSkipped = 77;
// ext4's: _IOR('X', 125, __u32) with EXT4_GOING_FLAGS_NOLOGFLUSH, Linux fs/ext4/ext4.h. What was not synced is gone.
constexpr unsigned long kShutdown = _IOR('X', 125, std::uint32_t);
constexpr std::uint32_t kWithoutFlushingTheLog = 2;

struct Plan {
  bool cuts_power = false;
  int rounds = 15;
  std::uint64_t seed = 1;
  std::string without_sync;
  std::string program;
};

/// What went wrong: the mount shows other than it should, or the test could not be carried out.
struct Loss {
  std::string what;
};
struct Trouble {
  std::string what;
};

void Must(const std::vector<std::string>& command) {
  std::string output;
  if (!Run(command, &output)) throw Trouble{command[0] + " " + command[1] + ": " + output};
}

/// A folder to work in: a store, which may lie in a file system of its own, and where it is mounted.
class Place {
 public:
  explicit Place(bool has_disk) : has_disk_(has_disk) {
    std::string name = std::filesystem::temp_directory_path() / "copse-plug-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw Trouble{"mkdtemp " + name};
    scratch_ = name;
    for (const std::string& directory : {disk(), folder()}) std::filesystem::create_directory(directory);
    if (!has_disk_) return;
    // Larger than what copse keeps free.
    std::ofstream(Image()).close();
    std::filesystem::resize_file(Image(), std::uintmax_t{1} << 30);
    Must({"mkfs.ext4", "-q", Image()});
    PutIn();
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() {
    LeaveFolder();
    if (has_disk_) umount2(disk().c_str(), MNT_DETACH);
    std::error_code error;
    std::filesystem::remove_all(scratch_, error);
  }

  std::string disk() const { return scratch_ + "/disk"; }
  std::string store() const { return disk() + "/store"; }
  std::string folder() const { return scratch_ + "/folder"; }

  void PutIn() const { Must({"mount", "-o", "loop", Image(), disk()}); }
  void TakeOut() const { Must({"umount", disk()}); }
  void CutPower() const {
    const int directory = open(disk().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool is_cut = directory >= 0 && ioctl(directory, kShutdown, &kWithoutFlushingTheLog) == 0;
    if (directory >= 0) close(directory);
    if (!is_cut) throw Trouble{"the file system cannot be shut down: " + disk()};
  }
  void LeaveFolder() const { umount2(folder().c_str(), MNT_DETACH); }

 private:
  std::string Image() const { return scratch_ + "/image"; }

  const bool has_disk_;
  std::string scratch_;
};

class Rounds {
 public:
  explicit Rounds(Plan plan) : plan_(std::move(plan)), random_(plan_.seed) {}

  /// Throws Loss or Trouble.
  void Run() {
    for (int round = 0; round < plan_.rounds; ++round) {
      if (round % kRoundsPerStore == 0) Begin();
      Work();
      Pull();
      Start();
      Compare();
      ++rounds_;
    }
    process_.reset();
  }
  std::string Summary() const {
    return std::to_string(rounds_) + " rounds, " + std::to_string(calls_) + " steps of programs, " +
           std::to_string(syncs_) + " fsyncs, " + std::to_string(files_) + " files compared, seed " +
           std::to_string(plan_.seed);
  }
  int rounds() const { return rounds_; }

 private:
  static std::string NameOf(std::size_t user) { return "user" + std::to_string(user); }

  void Begin() {
    process_.reset();
    place_ = std::make_unique<Place>(plan_.cuts_power);
    Must({plan_.program, "init", place_->store(), "--label", "plug"});
    Start();
    histories_.clear();
    for (int user = 0; user < kUsers; ++user) {
      std::filesystem::create_directory(place_->folder() + "/" + NameOf(histories_.size()));
      histories_.emplace_back(Names());
    }
    Must({plan_.program, "flush", place_->folder()});
    if (!plan_.cuts_power) return;
    // A process that syncs nothing is to lose what is written from now on.
    Must({"sync", "-f", place_->disk()});
  }

  void Start() {
    const std::string options = mounts_++ % 2 == 0 ? "passthrough" : "nopassthrough";
    process_ =
        std::make_unique<MountedProcess>(plan_.program, place_->store(), place_->folder(), options, plan_.without_sync);
    if (!process_->failure().empty()) throw Loss{"the store cannot be mounted: " + process_->failure()};
  }

  void Work() {
    std::vector<std::unique_ptr<User>> users;
    for (std::size_t user = 0; user < kUsers; ++user) {
      users.push_back(
          std::make_unique<User>(place_->folder() + "/" + NameOf(user), histories_[user], clock_, power_, random_()));
    }
    std::vector<std::thread> threads;
    for (const auto& user : users) threads.emplace_back([&user] { user->Work(); });
    std::this_thread::sleep_for(std::chrono::milliseconds(20 + random_() % 500));
    std::optional<Trouble> trouble;
    try {
      if (plan_.cuts_power) {
        power_ = Power::kGoing;
        place_->CutPower();
        power_ = Power::kGone;  // From now on an fsync that succeeds lies.
        std::this_thread::sleep_for(std::chrono::milliseconds(random_() % 30));
      }
    } catch (const Trouble& met) {
      trouble = met;
    }
    process_->Kill();
    for (std::thread& thread : threads) thread.join();
    power_ = Power::kOn;
    if (trouble) throw Trouble(*trouble);
    for (const auto& user : users) {
      calls_ += user->calls();
      syncs_ += user->syncs();
      if (!user->failure().empty()) throw Loss{user->failure()};
    }
  }

  void Pull() {
    process_.reset();
    if (!plan_.cuts_power) return;  // The next process takes the dead mount over.
    place_->LeaveFolder();
    place_->TakeOut();
    place_->PutIn();
  }

  void Compare() {
    std::vector<Names> found(histories_.size());
    std::vector<std::map<std::uint64_t, std::string>> contents(histories_.size());
    for (std::size_t user = 0; user < histories_.size(); ++user) {
      const std::string wrong = Look(place_->folder() + "/" + NameOf(user), found[user], contents[user]);
      if (!wrong.empty()) throw Loss{wrong};
      for (const auto& [inode, content] : contents[user]) {
        ++files_;
        const std::string lost = histories_[user].CheckContent(inode, content);
        if (!lost.empty()) throw Loss{NameOf(user) + ", " + lost};
      }
    }
    if (const std::string wrong = CheckNames(histories_, found); !wrong.empty()) throw Loss{wrong};
    std::string output;
    if (!plug::Run({plan_.program, "verify", place_->folder()}, &output)) throw Loss{"copse verify: " + output};
    for (std::size_t user = 0; user < histories_.size(); ++user) {
      histories_[user] = History(std::move(found[user]));
      for (auto& [inode, content] : contents[user]) {
        histories_[user].Holds(inode, std::move(content));
        histories_[user].IsDurable(inode);
      }
    }
  }

  const Plan plan_;
  std::mt19937_64 random_;
  std::atomic<std::uint64_t> clock_ = 0;
  std::atomic<Power> power_ = Power::kOn;
  std::unique_ptr<Place> place_;
  std::unique_ptr<MountedProcess> process_;  // Goes before the place.
  std::vector<History> histories_;
  int rounds_ = 0;
  int mounts_ = 0;
  std::uint64_t calls_ = 0;
  std::uint64_t syncs_ = 0;
  std::uint64_t files_ = 0;
};

/// Whether all that is needed is here; else why not, and whether COPSE_SKIP allows for it.
std::optional<int> MissingHere(const Plan& plan) {
  struct Need {
    const char* word;
    bool is_here;
  };
  const Need needs[] = {{"fuse", access("/dev/fuse", R_OK | W_OK) == 0},
                        {"root", !plan.cuts_power || geteuid() == 0},
                        {"loop", !plan.cuts_power || access("/dev/loop-control", R_OK | W_OK) == 0}};
  const char* const skip = std::getenv("COPSE_SKIP");
  std::istringstream words(skip == nullptr ? "" : skip);
  const std::vector<std::string> skipped(std::istream_iterator<std::string>(words), {});
  for (const Need& need : needs) {
    if (need.is_here) continue;
    if (std::find(skipped.begin(), skipped.end(), need.word) != skipped.end()) {
      std::cout << "skipped: no " << need.word << " here, and COPSE_SKIP names it\n";
      return kSkipped;
    }
    std::cerr << "this test needs " << need.word << "; set COPSE_SKIP=" << need.word << " to leave it out\n";
    return 1;
  }
  return std::nullopt;
}

std::optional<Plan> PlanOf(const std::vector<std::string>& arguments) {
  Plan plan;
  const char* const program = std::getenv("COPSE");
  if (arguments.empty() || arguments.size() % 2 == 0 || program == nullptr) return std::nullopt;
  plan.program = program;
  if (arguments[0] != "kill" && arguments[0] != "power") return std::nullopt;
  plan.cuts_power = arguments[0] == "power";
  for (std::size_t i = 1; i < arguments.size(); i += 2) {
    if (arguments[i] == "--rounds") {
      plan.rounds = std::stoi(arguments[i + 1]);
    } else if (arguments[i] == "--seed") {
      plan.seed = std::stoull(arguments[i + 1]);
    } else if (arguments[i] == "--without-sync") {
      plan.without_sync = arguments[i + 1];
    } else {
      return std::nullopt;
    }
  }
  return plan;
}

int Main(const std::vector<std::string>& arguments) {
  const std::optional<Plan> plan = PlanOf(arguments);
  if (!plan) {
    std::cerr << "usage: COPSE=PROGRAM copse_plug kill|power [--rounds N] [--seed N] [--without-sync LIBRARY]\n";
    return 2;
  }
  if (const std::optional<int> missing = MissingHere(*plan)) return *missing;
  const bool must_lose = !plan->without_sync.empty();
  Rounds rounds(*plan);
  try {
    rounds.Run();
  } catch (const Loss& loss) {
    std::cout << "lost, in round " << rounds.rounds() + 1 << ": " << loss.what << "\n" << rounds.Summary() << "\n";
    return must_lose ? 0 : 1;
  } catch (const Trouble& trouble) {
    std::cerr << "round " << rounds.rounds() + 1 << ": " << trouble.what << "\n" << rounds.Summary() << "\n";
    return 1;
  }
  std::cout << rounds.Summary() << "\n";
  if (must_lose) std::cerr << "nothing was synced, and no loss was noticed\n";
  return must_lose ? 1 : 0;
}

}  // namespace
}  // namespace copse::plug

int main(int count, char** arguments) { return copse::plug::Main({arguments + 1, arguments + count}); }
