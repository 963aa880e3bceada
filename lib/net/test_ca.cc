// SPDX-License-Identifier: Apache-2.0
#include "soak/net/test_ca.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <utility>

#include "lib/net/openssl.h"
#include "soak/error.h"

namespace soak::net {
namespace {

constexpr long kHour = 3600;
constexpr long kDay = 24 * kHour;

// OpenSSL can run out of memory or entropy here, and nothing else.
void must(bool done) {
  if (!done) {
    throw Error(Errc::kSystem, "test CA: " + openssl_error());
  }
}

OwnedKey make_key() {
  OwnedKey key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));  // EVP_EC_gen casts a const away.
  must(key != nullptr);
  return key;
}

// Clients as strict as Python 3.13 require these extensions, including the key identifiers.
void add_extension(X509& certificate, X509& issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, &issuer, &certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, OpenSslFree<&X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str()));
  must(extension != nullptr);
  must(X509_add_ext(&certificate, extension.get(), -1) == 1);
}

// A certificate of `key`, all but issuer, extensions and signature.
OwnedCertificate make_certificate(EVP_PKEY& key, const std::string& common_name, long from, long until) {
  OwnedCertificate certificate(X509_new());
  must(certificate != nullptr);
  must(X509_set_version(certificate.get(), X509_VERSION_3) == 1);
  const std::unique_ptr<BIGNUM, OpenSslFree<&BN_free>> serial(BN_new());
  must(serial != nullptr && BN_rand(serial.get(), 159, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1);
  must(BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate.get())) != nullptr);
  must(X509_gmtime_adj(X509_getm_notBefore(certificate.get()), from) != nullptr);
  must(X509_gmtime_adj(X509_getm_notAfter(certificate.get()), until) != nullptr);
  X509_NAME* const subject = X509_get_subject_name(certificate.get());
  must(X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                  reinterpret_cast<const unsigned char*>(common_name.data()),
                                  static_cast<int>(common_name.size()), -1, 0) == 1);
  must(X509_set_pubkey(certificate.get(), &key) == 1);
  return certificate;
}

// Letters, digits, dots, hyphens, and the colons of an address; a star for a wildcard.
bool is_server_name(std::string_view name) {
  return !name.empty() &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:*") ==
             std::string_view::npos;
}

std::string alternative_names(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) {
    if (!is_server_name(name)) {
      throw Error(Errc::kInvalidArgument, "test CA: not a server name: " + name);
    }
    const std::unique_ptr<ASN1_OCTET_STRING, OpenSslFree<&ASN1_OCTET_STRING_free>> address(a2i_IPADDRESS(name.c_str()));
    list += (list.empty() ? "" : ",") + std::string(address ? "IP:" : "DNS:") + name;
  }
  ERR_clear_error();
  if (list.empty()) {
    throw Error(Errc::kInvalidArgument, "test CA: a certificate needs at least one name");
  }
  return list;
}

std::string contents(BIO& memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(&memory, &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string to_pem(X509& certificate) {
  const OwnedBio memory(BIO_new(BIO_s_mem()));
  must(memory != nullptr && PEM_write_bio_X509(memory.get(), &certificate) == 1);
  return contents(*memory);
}

std::string to_pem(EVP_PKEY& key) {
  const OwnedBio memory(BIO_new(BIO_s_mem()));
  must(memory != nullptr &&
       PEM_write_bio_PKCS8PrivateKey(memory.get(), &key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return contents(*memory);
}

[[noreturn]] void throw_system(const std::string& path, int error) {
  throw Error(Errc::kSystem, path + ": " + std::generic_category().message(error));
}

// Makes the file, with these rights from its first moment on.
void write_file(const std::string& path, std::string_view text, mode_t mode) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) {
    throw_system(path, errno);
  }
  const ssize_t written = ::write(fd, text.data(), text.size());
  const int error = written < 0 ? errno : ENOSPC;
  ::close(fd);
  if (written != static_cast<ssize_t>(text.size())) {
    throw_system(path, error);
  }
}

class TemporaryDirectory {
 public:
  TemporaryDirectory() : path_((std::filesystem::temp_directory_path() / "soak-ca-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) {
      throw_system(path_, errno);
    }
    ::chmod(path_.c_str(), 0755);  // The CA must be readable for other users too; keys have modes of their own.
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace

struct TestCa::State {
  explicit State(const std::string& name)
      : key(make_key()),
        certificate(make_certificate(*key, name, -30 * kDay, 365 * kDay)),
        ca_file(directory.file("ca.pem")) {
    must(X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get())) == 1);
    add_extension(*certificate, *certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
    add_extension(*certificate, *certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
    add_extension(*certificate, *certificate, NID_subject_key_identifier, "hash");
    must(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);
    write_file(ca_file, to_pem(*certificate), 0644);
  }

  TemporaryDirectory directory;
  OwnedKey key;
  OwnedCertificate certificate;
  std::string ca_file;
  int issued = 0;
};

TestCa::TestCa(std::string name) : state_(std::make_unique<State>(name)) {}

TestCa::~TestCa() = default;

const std::string& TestCa::ca_file() const { return state_->ca_file; }

TlsIdentity TestCa::issue(const std::vector<std::string>& names, Validity validity) {
  const std::string alternatives = alternative_names(names);
  const long from = validity == Validity::kCurrent ? -kHour : validity == Validity::kExpired ? -2 * kDay : kDay;
  const long until = validity == Validity::kExpired ? -kDay : 30 * kDay;
  const OwnedKey key = make_key();
  const OwnedCertificate certificate = make_certificate(*key, "soak test server", from, until);
  X509& ca = *state_->certificate;
  must(X509_set_issuer_name(certificate.get(), X509_get_subject_name(&ca)) == 1);
  add_extension(*certificate, ca, NID_basic_constraints, "critical,CA:FALSE");
  add_extension(*certificate, ca, NID_key_usage, "critical,digitalSignature");
  add_extension(*certificate, ca, NID_ext_key_usage, "serverAuth");
  add_extension(*certificate, ca, NID_subject_alt_name, alternatives);
  add_extension(*certificate, ca, NID_subject_key_identifier, "hash");
  add_extension(*certificate, ca, NID_authority_key_identifier, "keyid:always");
  must(X509_sign(certificate.get(), state_->key.get(), EVP_sha256()) > 0);

  TlsIdentity identity;
  const std::string stem = "server-" + std::to_string(++state_->issued);
  identity.certificate_file = state_->directory.file(stem + ".pem");
  identity.key_file = state_->directory.file(stem + ".key");
  write_file(identity.certificate_file, to_pem(*certificate), 0644);
  write_file(identity.key_file, to_pem(*key), 0600);
  return identity;
}

}  // namespace soak::net
