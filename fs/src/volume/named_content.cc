#include <copse/base/status_macros.h>
#include <copse/fs/named_content.h>

#include <span>

#include "content/manifest_page.h"
#include "volume/schema.h"

namespace copse::fs {
namespace {

void AddChunks(std::span<const ManifestEntry> entries, std::uint8_t level, std::vector<NamedContent>& named) {
  for (const ManifestEntry& entry : entries) {
    if (!entry.is_hole) named.push_back({entry.chunk, level});
  }
}

}  // namespace

std::vector<NamedContent> ContentNamedBy(const crdt::Op& op) {
  std::vector<NamedContent> named;
  for (const crdt::Field& field : op.fields) {
    const bool is_version = field.id == crdt::FieldId{schema::kContent, {}} && field.replaces && field.value;
    if (!is_version) continue;
    const auto manifest = DecodeManifest(*field.value);
    if (manifest.ok()) AddChunks(manifest->entries, manifest->level, named);
  }
  return named;
}

absl::StatusOr<std::vector<NamedContent>> ContentNamedByPage(std::uint8_t level, std::string_view plain) {
  std::vector<NamedContent> named;
  if (level == 0) return named;
  const auto below = static_cast<std::uint8_t>(level - 1);
  // The length that the page stands for is checked by whoever reads the file.
  COPSE_ASSIGN_OR_RETURN(const std::vector<ManifestEntry> entries, DecodePage(plain, below, std::nullopt));
  AddChunks(entries, below, named);
  return named;
}

}  // namespace copse::fs
