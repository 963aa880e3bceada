// SPDX-License-Identifier: Apache-2.0
#include "lib/net/tls_context.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "lib/net/ca_file.h"
#include "soak/error.h"

namespace soak::net {
namespace {

[[noreturn]] void refuse(const std::string& file, const std::string& why) {
  throw Error(Errc::kInvalidArgument, file + ": " + why);
}

// Where the SSL of a client keeps the error that ended its handshake.
int failure_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

bool is_address(const std::string& host) {
  const std::unique_ptr<ASN1_OCTET_STRING, OpenSslFree<&ASN1_OCTET_STRING_free>> address(a2i_IPADDRESS(host.c_str()));
  ERR_clear_error();
  return address != nullptr;
}

// libwebsockets gives every host as a server name, and of "[::1]:443" what is before the first colon. RFC 6066,
// section 3, allows no address there, and some servers refuse it.
void on_client_progress(const SSL* ssl, int where, int result) {
  // OpenSSL passes the SSL that its owner is using, as const because most callbacks only read it.
  SSL* const working = const_cast<SSL*>(ssl);
  if (where == SSL_CB_HANDSHAKE_START) {
    const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (name != nullptr && (name[0] == '[' || is_address(name))) {
      SSL_ctrl(working, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, nullptr);
    }
  } else if (where == SSL_CB_CONNECT_EXIT && result <= 0) {
    // libwebsockets empties OpenSSL's queue of errors before it tells of the failure.
    const auto error = static_cast<std::uintptr_t>(ERR_peek_error());
    SSL_set_ex_data(working, failure_index(), reinterpret_cast<void*>(error));
  }
}

OwnedSslContext make_context(const SSL_METHOD* method) {
  OwnedSslContext context(SSL_CTX_new(method));
  if (context == nullptr) {
    throw Error(Errc::kSystem, "cannot initialise TLS: " + openssl_error());
  }
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  return context;
}

void trust(SSL_CTX& context, const std::string& ca_pem, const std::string& ca_file) {
  const OwnedBio text(BIO_new_mem_buf(ca_pem.data(), static_cast<int>(ca_pem.size())));
  X509_STORE* const store = SSL_CTX_get_cert_store(&context);
  int count = 0;
  for (;; ++count) {
    const OwnedCertificate certificate(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
    if (certificate == nullptr) {
      break;
    }
    if (X509_STORE_add_cert(store, certificate.get()) != 1) {
      refuse(ca_file, openssl_error());
    }
  }
  // The text ends where no further certificate starts, unless one is broken.
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    refuse(ca_file, openssl_error());
  }
  ERR_clear_error();
  if (count == 0) {
    refuse(ca_file, "holds no certificate in PEM");
  }
}

std::string name_text(const X509_NAME* name) {
  const OwnedBio memory(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(memory.get(), name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string time_text(const ASN1_TIME* when) {
  std::tm parts{};
  if (when == nullptr || ASN1_TIME_to_tm(when, &parts) != 1) {
    return "an unknown time";
  }
  std::array<char, 64> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts)};
}

// The DNS names and addresses that a certificate is for: "localhost, 127.0.0.1".
std::string names_of(X509& certificate) {
  std::string list;
  const std::unique_ptr<GENERAL_NAMES, OpenSslFree<&GENERAL_NAMES_free>> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const OwnedBio memory(BIO_new(BIO_s_mem()));
    GENERAL_NAME_print(memory.get(), sk_GENERAL_NAME_value(names.get(), i));
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory.get(), &data);
    std::string name(data, static_cast<std::size_t>(size));  // "DNS:localhost"
    list += (list.empty() ? "" : ", ") + name.substr(name.find(':') + 1);
  }
  return list.empty() ? "no host" : list;
}

bool is_for(X509& certificate, const std::string& host) {
  if (is_address(host)) {
    return X509_check_ip_asc(&certificate, host.c_str(), 0) == 1;
  }
  return X509_check_host(&certificate, host.data(), host.size(),
                         X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr) == 1;
}

}  // namespace

std::string read_ca_file(const std::string& path) {
  if (path.empty()) {
    return {};
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) {
    const bool shortage = errno == EMFILE || errno == ENFILE || errno == ENOMEM;  // Not the fault of the path.
    throw Error(shortage ? Errc::kSystem : Errc::kInvalidArgument,
                path + ": cannot be read: " + std::generic_category().message(errno));
  }
  return text;
}

OwnedSslContext make_tls_client_context(const std::string& ca_pem, const std::string& ca_file) {
  OwnedSslContext context = make_context(TLS_client_method());
  if (!ca_file.empty()) {
    trust(*context, ca_pem, ca_file);
  } else if (SSL_CTX_set_default_verify_paths(context.get()) != 1) {
    throw Error(Errc::kSystem, "the system's certificate authorities: " + openssl_error());
  }
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_info_callback(context.get(), &on_client_progress);
  return context;
}

void check_ca_file(const std::string& path) {
  if (!path.empty()) {
    make_tls_client_context(read_ca_file(path), path);
  }
}

OwnedSslContext make_tls_server_context(const TlsIdentity& identity) {
  OwnedSslContext context = make_context(TLS_server_method());
  // A passphrase would be asked for on the terminal.
  SSL_CTX_set_default_passwd_cb(context.get(), [](char*, int, int, void*) { return -1; });
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context.get(), identity.certificate_file.c_str()) != 1) {
    refuse(identity.certificate_file, "no certificate chain in PEM: " + openssl_error());
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), identity.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    refuse(identity.key_file, "no private key in PEM for " + identity.certificate_file + ": " + openssl_error());
  }
  // A WebSocket says by itself when it ends, so the end of TCP needs no word from TLS before it.
  SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_num_tickets(context.get(), 0);
  return context;
}

std::string certificate_failure(X509_STORE_CTX& chain, bool chain_ok, const std::string& host,
                                const std::string& ca_file) {
  X509* const certificate = X509_STORE_CTX_get_current_cert(&chain);
  if (chain_ok) {
    if (X509_STORE_CTX_get_error_depth(&chain) != 0 || is_for(*certificate, host)) {
      return {};
    }
    X509_STORE_CTX_set_error(&chain, X509_V_ERR_HOSTNAME_MISMATCH);
    return "the server's certificate is for " + names_of(*certificate) + ", not for " + host;
  }
  const int error = X509_STORE_CTX_get_error(&chain);
  if (certificate == nullptr) {
    return std::string("the server's certificate: ") + X509_verify_cert_error_string(error);
  }
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "the server's certificate expired at " + time_text(X509_get0_notAfter(certificate)) + " (" +
             name_text(X509_get_subject_name(certificate)) + ")";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "the server's certificate is not valid before " + time_text(X509_get0_notBefore(certificate)) + " (" +
             name_text(X509_get_subject_name(certificate)) + ")";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return "the server's certificate is issued by " + name_text(X509_get_issuer_name(certificate)) +
             ", a certificate authority that is not trusted (not among " +
             (ca_file.empty() ? "the system's" : "those of " + ca_file) + ")";
    default:
      return std::string("the server's certificate: ") + X509_verify_cert_error_string(error) + " (" +
             name_text(X509_get_subject_name(certificate)) + ")";
  }
}

std::string handshake_failure(const SSL& ssl, std::string_view system_error) {
  return handshake_failure(
      static_cast<unsigned long>(reinterpret_cast<std::uintptr_t>(SSL_get_ex_data(&ssl, failure_index()))),
      system_error);
}

std::string handshake_failure(unsigned long error, std::string_view system_error) {
  switch (ERR_GET_REASON(error)) {
    case SSL_R_WRONG_VERSION_NUMBER:  // What an answer in plain text looks like.
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_RECORD_LENGTH_MISMATCH:
      return "the server does not use TLS";
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
      return "closed during the TLS handshake";
    default:
      break;
  }
  if (const char* const reason = ERR_reason_error_string(error); error != 0 && reason != nullptr) {
    return std::string("TLS handshake failed: ") + reason;
  }
  return (system_error.empty() ? "closed" : std::string(system_error)) + " during the TLS handshake";
}

}  // namespace soak::net
