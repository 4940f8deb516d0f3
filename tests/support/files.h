#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace copse::test {

/// Makes or replaces the file. The test fails where that does.
void WriteFile(const std::filesystem::path& path, std::string_view contents);
/// The contents; the test fails where it cannot be read.
std::string ReadFile(const std::filesystem::path& path);

}  // namespace copse::test
