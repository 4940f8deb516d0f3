#define FUSE_USE_VERSION 314

#include "cli/version.h"

#include <absl/base/config.h>
#include <copse/replica/store.h>
#include <fuse_lowlevel.h>
#include <openssl/crypto.h>
#include <sodium/version.h>
#include <zstd.h>

#include <boost/version.hpp>

#include "copse_commit.h"

namespace copse::cli {

std::string VersionText() {
  return std::string("copse ") + COPSE_VERSION + " (commit " + COPSE_COMMIT + ")\n" +  //
         "store format " + std::to_string(replica::kStoreFormat) + "\n" +              //
         "libfuse " + fuse_pkgversion() + "\n" +                                       //
         "OpenSSL " + OpenSSL_version(OPENSSL_VERSION_STRING) + "\n" +                 //
         "libsodium " + sodium_version_string() + "\n" +                               //
         "zstd " + ZSTD_versionString() + "\n" +                                       //
         "Abseil " + std::to_string(ABSL_LTS_RELEASE_VERSION) + "\n" +                 //
         "Boost " + BOOST_LIB_VERSION;
}

}  // namespace copse::cli
