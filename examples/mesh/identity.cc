// SPDX-License-Identifier: Apache-2.0
#include "mesh/identity.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <utility>

#include "mesh/encoding.h"
#include "soak/error.h"

namespace mesh {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kSignatureBytes = 64;
constexpr std::string_view kFileHead = "mesh-ed25519-seed ";

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

EVP_PKEY* key_of(const std::shared_ptr<void>& key) { return static_cast<EVP_PKEY*>(key.get()); }

std::shared_ptr<void> owned(EVP_PKEY* key) {
  return {key, [](void* of) { EVP_PKEY_free(static_cast<EVP_PKEY*>(of)); }};
}

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

[[noreturn]] void fail(const std::string& what) { throw soak::Error(soak::Errc::kSystem, what); }

[[noreturn]] void fail_of_file(const std::string& path, const char* what) {
  fail(fmt::format("{} {}: {}", path, what, std::strerror(errno)));
}

class File {
 public:
  File(const std::string& path, int flags) : fd_(open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~File() {
    if (fd_ >= 0) {
      close(fd_);
    }
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

}  // namespace

PublicKey::PublicKey(std::string raw)
    : raw_(std::move(raw)),
      keyid_(hex(sha256(raw_))),
      key_(owned(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(raw_), raw_.size()))) {}

std::optional<PublicKey> PublicKey::from_raw(std::string_view bytes) {
  if (bytes.size() != kKeyBytes) {
    return std::nullopt;
  }
  PublicKey key{std::string(bytes)};
  return key.key_ ? std::optional(std::move(key)) : std::nullopt;
}

std::optional<PublicKey> PublicKey::from_base64(std::string_view text) {
  const std::optional<std::string> bytes = mesh::from_base64(text);
  return bytes ? from_raw(*bytes) : std::nullopt;
}

std::string PublicKey::base64() const { return mesh::base64(raw_); }

bool PublicKey::verify(std::string_view message, std::string_view signature) const {
  const Context context(EVP_MD_CTX_new());
  return context && signature.size() == kSignatureBytes &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_of(key_)) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(message), message.size()) == 1;
}

PrivateKey::PrivateKey(std::string seed, std::shared_ptr<void> key, PublicKey public_key)
    : seed_(std::move(seed)), key_(std::move(key)), public_key_(std::move(public_key)) {}

PrivateKey PrivateKey::generate() {
  std::string seed(kKeyBytes, '\0');
  if (RAND_priv_bytes(bytes_of(seed), static_cast<int>(seed.size())) != 1) {
    fail("OpenSSL has no random bytes for a key");
  }
  return from_seed(seed);
}

PrivateKey PrivateKey::from_seed(std::string_view seed) {
  if (seed.size() != kKeyBytes) {
    throw soak::Error(soak::Errc::kInvalidArgument,
                      fmt::format("the seed of a key has {} bytes, expected {}", seed.size(), kKeyBytes));
  }
  std::shared_ptr<void> key =
      owned(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes_of(seed), seed.size()));
  std::string raw(kKeyBytes, '\0');
  std::size_t size = raw.size();
  if (!key || EVP_PKEY_get_raw_public_key(key_of(key), bytes_of(raw), &size) != 1) {
    fail("OpenSSL makes no Ed25519 key");
  }
  std::optional<PublicKey> public_key = PublicKey::from_raw(raw);
  if (!public_key) {
    fail("OpenSSL makes no Ed25519 key");
  }
  return {std::string(seed), std::move(key), std::move(*public_key)};
}

PrivateKey PrivateKey::load_or_create(const std::string& path) {
  if (access(path.c_str(), F_OK) != 0 && errno == ENOENT) {
    PrivateKey key = generate();
    write_secret_file(path, std::string(kFileHead) + mesh::base64(key.seed_) + "\n");
    return key;
  }
  const std::string content = read_secret_file(path);
  const bool known = content.compare(0, kFileHead.size(), kFileHead) == 0;
  const std::optional<std::string> seed =
      known ? mesh::from_base64(std::string_view(content).substr(kFileHead.size())) : std::nullopt;
  if (!seed || seed->size() != kKeyBytes) {
    throw soak::Error(soak::Errc::kInvalidArgument, fmt::format("{} holds no key of mesh", path));
  }
  return from_seed(*seed);
}

std::string PrivateKey::sign(std::string_view message) const {
  const Context context(EVP_MD_CTX_new());
  std::string signature(kSignatureBytes, '\0');
  std::size_t size = signature.size();
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_of(key_)) != 1 ||
      EVP_DigestSign(context.get(), bytes_of(signature), &size, bytes_of(message), message.size()) != 1) {
    fail("OpenSSL does not sign");
  }
  return signature;
}

std::string PrivateKey::derive(std::string_view purpose) const { return hmac_sha256(seed_, purpose); }

void write_secret_file(const std::string& path, std::string_view content) {
  const std::string fresh = path + ".new";
  unlink(fresh.c_str());  // Of a process that was killed here.
  {
    const File file(fresh, O_WRONLY | O_CREAT | O_EXCL);
    if (file.fd() < 0) {
      fail_of_file(fresh, "cannot be made");
    }
    std::string_view rest = content;
    while (!rest.empty()) {
      const ssize_t written = write(file.fd(), rest.data(), rest.size());
      if (written < 0 && errno == EINTR) {
        continue;
      }
      if (written <= 0) {
        fail_of_file(fresh, "cannot be written");
      }
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
    if (fsync(file.fd()) != 0) {
      fail_of_file(fresh, "cannot be synced");
    }
  }
  if (rename(fresh.c_str(), path.c_str()) != 0) {
    fail_of_file(path, "cannot be made");
  }
  const File folder(folder_of(path), O_RDONLY | O_DIRECTORY);
  if (folder.fd() < 0 || fsync(folder.fd()) != 0) {
    fail_of_file(path, "cannot be made durable");
  }
}

std::string read_secret_file(const std::string& path) {
  const File file(path, O_RDONLY);
  if (file.fd() < 0) {
    fail_of_file(path, "cannot be read");
  }
  struct stat status {};
  if (fstat(file.fd(), &status) != 0) {
    fail_of_file(path, "cannot be read");
  }
  if ((status.st_mode & 077U) != 0) {
    throw soak::Error(soak::Errc::kInvalidArgument,
                      fmt::format("{} has mode {:04o}, expected 0600: others may read the secret in it", path,
                                  static_cast<unsigned>(status.st_mode) & 07777U));
  }
  std::string content;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t got = read(file.fd(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      fail_of_file(path, "cannot be read");
    }
    if (got == 0) {
      break;
    }
    content.append(buffer.data(), static_cast<std::size_t>(got));
  }
  while (!content.empty() && (content.back() == '\n' || content.back() == '\r')) {
    content.pop_back();
  }
  if (content.empty()) {
    throw soak::Error(soak::Errc::kInvalidArgument, fmt::format("{} is empty, expected a secret", path));
  }
  return content;
}

}  // namespace mesh
