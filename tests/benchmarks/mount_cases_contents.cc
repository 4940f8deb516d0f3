// What reads and writes.

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <random>

#include "mount_cases.h"

namespace copse::benchmarks {
namespace {

constexpr int kSmallFiles = 3000;
constexpr std::size_t kSmallBytes = 4096;
constexpr std::size_t kLargeBytes = 256 << 20;
constexpr std::size_t kBlockBytes = 128 << 10;
constexpr int kRandomBlocks = 20'000;

double MebibytesPerSecond(double seconds) { return static_cast<double>(kLargeBytes >> 20) / seconds; }

int Open(const std::string& path, int flags) {
  const int file = open(path.c_str(), flags | O_CLOEXEC, 0644);
  Check(file >= 0, path);
  return file;
}

/// Bytes that neither compress nor repeat, as films and archives have: random once, then changed in every sector.
class Incompressible {
 public:
  Incompressible() : block_(kBlockBytes) {
    for (std::size_t i = 0; i + 8 <= block_.size(); i += 8) Change(i);
  }
  const std::vector<char>& Next() {
    for (std::size_t i = 0; i < block_.size(); i += 512) Change(i);
    return block_;
  }

 private:
  void Change(std::size_t at) {
    const std::uint64_t word = random_();
    std::memcpy(block_.data() + at, &word, 8);
  }
  std::mt19937_64 random_{1};
  std::vector<char> block_;
};

void WriteLarge(const std::string& path) {
  Incompressible bytes;
  const int file = Open(path, O_CREAT | O_EXCL | O_WRONLY);
  for (std::size_t done = 0; done < kLargeBytes; done += kBlockBytes) {
    Check(write(file, bytes.Next().data(), kBlockBytes) == static_cast<ssize_t>(kBlockBytes), path);
  }
  Check(fsync(file) == 0, path);
  close(file);
}

void DropPages(const std::string& path) {
  const int file = Open(path, O_RDONLY);
  Check(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0, path);
  close(file);
}

double ReadLarge(const std::string& path) {
  std::vector<char> block(kBlockBytes);
  return MebibytesPerSecond(SecondsOf([&] {
    const int file = Open(path, O_RDONLY);
    std::size_t total = 0;
    for (ssize_t got = 0; (got = read(file, block.data(), block.size())) > 0;) total += static_cast<std::size_t>(got);
    Check(total == kLargeBytes, path);
    close(file);
  }));
}

double RandomBlocks(const std::string& path, bool writes) {
  const int file = Open(path, O_RDWR);
  Check(posix_fadvise(file, 0, 0, POSIX_FADV_RANDOM) == 0, path);
  std::mt19937_64 random(2);
  std::vector<char> block(kSmallBytes, 'r');
  const double seconds = SecondsOf([&] {
    for (int i = 0; i < kRandomBlocks; ++i) {
      const auto offset = static_cast<off_t>(random() % (kLargeBytes / kSmallBytes) * kSmallBytes);
      const ssize_t done =
          writes ? pwrite(file, block.data(), block.size(), offset) : pread(file, block.data(), block.size(), offset);
      Check(done == static_cast<ssize_t>(block.size()), path);
    }
  });
  close(file);
  return kRandomBlocks / seconds;
}

/// A case about a large file that was written and synced.
MountCase WithLarge(const std::string& figure, std::function<double(const std::string& path)> measure) {
  return {figure, [measure = std::move(measure)](const std::string& work, const std::string&) {
            WriteLarge(work + "/large");
            return measure(work + "/large");
          }};
}

MountCase SmallFiles(const std::string& figure, bool sync) {
  return {figure, [sync](const std::string& work, const std::string&) {
            return kSmallFiles / SecondsOf([&] {
                     for (int i = 0; i < kSmallFiles; ++i) {
                       WriteFile(work + "/file-" + std::to_string(i), kSmallBytes, sync);
                     }
                   });
          }};
}

}  // namespace

void WriteFile(const std::string& path, std::size_t bytes, bool sync) {
  const int file = Open(path, O_CREAT | O_EXCL | O_WRONLY);
  const std::string contents(bytes, 'x');
  if (bytes > 0) Check(write(file, contents.data(), bytes) == static_cast<ssize_t>(bytes), path);
  if (sync) Check(fsync(file) == 0, path);
  close(file);
}

std::vector<MountCase> ContentCases() {
  return {
      SmallFiles("write 4 KiB files, files/s", false),
      SmallFiles("write 4 KiB files with fsync, files/s", true),
      {"sequential write with fsync, MiB/s",
       [](const std::string& work, const std::string&) {
         return MebibytesPerSecond(SecondsOf([&] { WriteLarge(work + "/large"); }));
       }},
      WithLarge("sequential read, pages dropped, MiB/s",
                [](const std::string& path) {
                  DropPages(path);
                  return ReadLarge(path);
                }),
      WithLarge("sequential read, warm, MiB/s",
                [](const std::string& path) {
                  ReadLarge(path);
                  return ReadLarge(path);
                }),
      WithLarge("random 4 KiB writes, writes/s", [](const std::string& path) { return RandomBlocks(path, true); }),
      WithLarge("random 4 KiB reads, pages dropped, reads/s",
                [](const std::string& path) {
                  DropPages(path);
                  return RandomBlocks(path, false);
                }),
  };
}

}  // namespace copse::benchmarks
