#include "chunk_seal.h"

#include <copse/base/check.h>
#include <copse/base/status_macros.h>
#include <zstd.h>

#include <memory>

namespace copse::replica {
namespace {

// The first byte of what is encrypted says how the rest is to be read.
constexpr char kStored = 0;
constexpr char kZstd = 1;

constexpr int kLevel = 1;
constexpr std::size_t kSampleBytes = 4096;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

/// `method` and the compressed bytes; empty where that is not shorter by a sixteenth.
std::string Compressed(std::string_view plain) {
  thread_local const std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
  std::string out(1 + ZSTD_compressBound(plain.size()), kZstd);
  const std::size_t length =
      ZSTD_compressCCtx(context.get(), out.data() + 1, out.size() - 1, plain.data(), plain.size(), kLevel);
  if (ZSTD_isError(length) != 0 || length > plain.size() - plain.size() / 16) return {};
  out.resize(1 + length);
  return out;
}

/// What is encrypted for `plain`.
std::string Content(std::string_view plain) {
  // Media and archives don't shrink; their first bytes tell, at a small part of the cost of trying.
  if (plain.size() <= kSampleBytes || !Compressed(plain.substr(0, kSampleBytes)).empty()) {
    if (std::string compressed = Compressed(plain); !compressed.empty()) return compressed;
  }
  std::string stored;
  stored.reserve(1 + plain.size());
  stored.push_back(kStored);
  stored.append(plain);
  return stored;
}

absl::StatusOr<std::string> Expand(std::string_view content, std::uint32_t plain_length) {
  if (content.empty()) return absl::DataLossError("its content is empty");
  const std::string_view body = content.substr(1);
  if (content.front() == kStored) return std::string(body);
  if (content.front() != kZstd) return absl::DataLossError("its compression is unknown");
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeContext> context(ZSTD_createDCtx());
  std::string plain(plain_length, '\0');
  const std::size_t length = ZSTD_decompressDCtx(context.get(), plain.data(), plain.size(), body.data(), body.size());
  if (ZSTD_isError(length) != 0) return absl::DataLossError("it does not decompress");
  plain.resize(length);
  return plain;
}

}  // namespace

SealedChunk SealChunk(std::string_view plain, std::uint32_t epoch, std::string_view epoch_key) {
  COPSE_CHECK(!plain.empty() && plain.size() <= base::ContentStore::kChunkBytesMax);
  SealedChunk chunk;
  const std::string content = Content(plain);
  chunk.ref.plain_hash = base::Sha256(plain);
  chunk.ref.sealed_hash = base::Sha256(content);
  chunk.ref.plain_length = static_cast<std::uint32_t>(plain.size());
  chunk.ref.epoch = epoch;
  Seal(base::HmacSha256(epoch_key, base::AsBytes(chunk.ref.sealed_hash)), content, chunk.bytes);
  chunk.ref.id = base::Sha256(chunk.bytes);
  return chunk;
}

absl::StatusOr<std::string> OpenChunk(const base::ChunkRef& ref, std::string_view sealed, std::string_view epoch_key) {
  if (base::Sha256(sealed) != ref.id) return absl::DataLossError("its bytes are not those of its id");
  if (ref.plain_length > base::ContentStore::kChunkBytesMax) return absl::DataLossError("its length is impossible");
  COPSE_ASSIGN_OR_RETURN(const std::string content,
                         Unseal(base::HmacSha256(epoch_key, base::AsBytes(ref.sealed_hash)), sealed));
  COPSE_ASSIGN_OR_RETURN(std::string plain, Expand(content, ref.plain_length));
  if (plain.size() != ref.plain_length) return absl::DataLossError("its length is another");
  if (base::Sha256(plain) != ref.plain_hash) return absl::DataLossError("its bytes are not those that were put");
  return plain;
}

}  // namespace copse::replica
