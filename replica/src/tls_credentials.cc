#include "tls_credentials.h"

#include <copse/base/check.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "signing.h"

namespace copse::replica {
namespace {

constexpr unsigned char kProtocol[] = {7, 'c', 'o', 'p', 's', 'e', '/', '1'};  // As ALPN writes it: length, name.

struct FreeMade {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
};

std::unique_ptr<X509, FreeMade> SelfSigned(EVP_PKEY* key) {
  std::unique_ptr<X509, FreeMade> certificate(X509_new());
  COPSE_CHECK(certificate != nullptr && X509_set_version(certificate.get(), X509_VERSION_3) == 1);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate.get()), "19700101000000Z");
  ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate.get()), "99991231235959Z");
  X509_NAME* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("copse"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  COPSE_CHECK(X509_set_pubkey(certificate.get(), key) == 1);
  COPSE_CHECK(X509_sign(certificate.get(), key, nullptr) > 0);  // Ed25519 has its hash in it.
  return certificate;
}

int ChooseProtocol(SSL*, const unsigned char** chosen, unsigned char* length, const unsigned char* offered,
                   unsigned int offered_length, void*) {
  unsigned char* selected = nullptr;
  if (SSL_select_next_proto(&selected, length, kProtocol, sizeof kProtocol, offered, offered_length) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *chosen = selected;
  return SSL_TLSEXT_ERR_OK;
}

std::string PublicKeyOf(X509* certificate) {
  std::string key(kSigningPublicBytes, '\0');
  std::size_t length = key.size();
  EVP_PKEY* found = X509_get0_pubkey(certificate);
  if (found == nullptr || EVP_PKEY_get_id(found) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_public_key(found, reinterpret_cast<unsigned char*>(key.data()), &length) != 1 ||
      length != kSigningPublicBytes) {
    return "";
  }
  return key;
}

/// In place of OpenSSL's own checks of the chain.
int JudgeCertificate(X509_STORE_CTX* store, void*) {
  const auto* ssl = static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  const auto* is_welcome = static_cast<const TlsCredentials::IsWelcome*>(SSL_get_app_data(ssl));
  if ((*is_welcome)(PublicKeyOf(X509_STORE_CTX_get0_cert(store)))) return 1;
  X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);  // The alert "bad certificate".
  return 0;
}

}  // namespace

std::shared_ptr<const TlsCredentials> TlsCredentials::Of(std::string_view signing_secret) {
  COPSE_CHECK(signing_secret.size() == kSigningSecretBytes);
  const std::unique_ptr<EVP_PKEY, FreeMade> key(EVP_PKEY_new_raw_private_key(
      EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(signing_secret.data()), kSigningSeedBytes));
  COPSE_CHECK(key != nullptr);
  SSL_CTX* context = SSL_CTX_new(TLS_method());
  COPSE_CHECK(context != nullptr);
  const std::shared_ptr<const TlsCredentials> credentials(new TlsCredentials(context));
  COPSE_CHECK(SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1);
  COPSE_CHECK(SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1);
  COPSE_CHECK(SSL_CTX_set1_sigalgs_list(context, "ed25519") == 1);
  COPSE_CHECK(SSL_CTX_set1_client_sigalgs_list(context, "ed25519") == 1);
  COPSE_CHECK(SSL_CTX_use_certificate(context, SelfSigned(key.get()).get()) == 1);
  COPSE_CHECK(SSL_CTX_use_PrivateKey(context, key.get()) == 1);
  COPSE_CHECK(SSL_CTX_set_alpn_protos(context, kProtocol, sizeof kProtocol) == 0);
  SSL_CTX_set_alpn_select_cb(context, ChooseProtocol, nullptr);
  SSL_CTX_set_cert_verify_callback(context, JudgeCertificate, nullptr);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  return credentials;
}

TlsCredentials::~TlsCredentials() { SSL_CTX_free(context_); }

std::unique_ptr<SSL, TlsCredentials::Free> TlsCredentials::NewSession(const IsWelcome* is_welcome) const {
  std::unique_ptr<SSL, Free> ssl(SSL_new(context_));
  COPSE_CHECK(ssl != nullptr);
  SSL_set_verify(ssl.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  COPSE_CHECK(SSL_set_app_data(ssl.get(), const_cast<IsWelcome*>(is_welcome)) == 1);
  return ssl;
}

}  // namespace copse::replica
