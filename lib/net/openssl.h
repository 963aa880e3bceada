// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_OPENSSL_H_
#define SOAK_LIB_NET_OPENSSL_H_

// Owners for what OpenSSL hands out, and its words for what went wrong.

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace soak::net {

template <auto kFree>
struct OpenSslFree {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};

using OwnedBio = std::unique_ptr<BIO, OpenSslFree<&BIO_free_all>>;
using OwnedKey = std::unique_ptr<EVP_PKEY, OpenSslFree<&EVP_PKEY_free>>;
using OwnedCertificate = std::unique_ptr<X509, OpenSslFree<&X509_free>>;
using OwnedSsl = std::unique_ptr<SSL, OpenSslFree<&SSL_free>>;
using OwnedSslContext = std::unique_ptr<SSL_CTX, OpenSslFree<&SSL_CTX_free>>;

// What the last failed call says, "no start line"; empties the queue of errors.
inline std::string openssl_error() {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason == nullptr ? "OpenSSL gives no reason" : reason;
}

}  // namespace soak::net

#endif  // SOAK_LIB_NET_OPENSSL_H_
