#pragma once

#include <sys/stat.h>

#include <functional>
#include <string>
#include <string_view>

/// What system calls show, as text that is the same on every file system that does the same.
namespace copse::posix {

std::string ErrorName(int number);
/// Of a call that returns -1 and sets errno.
std::string Outcome(ssize_t result);
/// What utimensat(2) is to be asked for: "now", "omit", or SECONDS.NANOSECONDS.
timespec TimeOf(const std::string& word);
/// Sixteen digits that tell `bytes` from others.
std::string Digest(std::string_view bytes);
std::string Describe(const struct stat& found);
/// mtime as it is now, where it was `asked` for as a number (utimensat(2)). Of atime nothing can be said: to look at it
/// may be to change it.
std::string DescribeSetMtime(const timespec& asked, const struct stat& now);
/// The bytes of a regular file, the target of a symbolic link; nothing for others.
std::string DescribeContents(const std::string& path, const struct stat& found);
std::string DescribeXattrs(const std::string& path, bool with_values);
/// Every path below the working directory, and "." itself, ascending.
void ForEachPath(const std::function<void(const std::string& path, const struct stat& found)>& visit);

}  // namespace copse::posix
