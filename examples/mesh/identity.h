// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_IDENTITY_H_
#define MESH_IDENTITY_H_

// Ed25519 keys (RFC 8032), by OpenSSL. The private half stays in the process, and in one file.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace mesh {

// What everybody may know of a key.
class PublicKey {
 public:
  // 32 raw bytes; nullopt for anything else.
  static std::optional<PublicKey> from_raw(std::string_view bytes);
  static std::optional<PublicKey> from_base64(std::string_view text);

  const std::string& raw() const { return raw_; }
  std::string base64() const;
  const std::string& keyid() const { return keyid_; }  // The SHA-256 of the raw bytes in hex.
  bool verify(std::string_view message, std::string_view signature) const;

 private:
  explicit PublicKey(std::string raw);

  std::string raw_;
  std::string keyid_;
  std::shared_ptr<void> key_;  // An EVP_PKEY.
};

class PrivateKey {
 public:
  static PrivateKey generate();
  // 32 bytes (RFC 8032 calls them the private key); the same seed gives the same key. Throws
  // Error(Errc::kInvalidArgument) for another length.
  static PrivateKey from_seed(std::string_view seed);
  // Reads the key in the file, or, if there is no such file, makes one: with mode 0600, on disk before this returns.
  // Throws soak::Error and names the file: it cannot be read or written, holds no key, or others may read it.
  static PrivateKey load_or_create(const std::string& path);

  const PublicKey& public_key() const { return public_key_; }
  std::string sign(std::string_view message) const;  // 64 bytes.

  // A secret that follows from the key, for one purpose: to derive tokens without storing them.
  std::string derive(std::string_view purpose) const;

 private:
  PrivateKey(std::string seed, std::shared_ptr<void> key, PublicKey public_key);

  std::string seed_;
  std::shared_ptr<void> key_;
  PublicKey public_key_;
};

// Makes the file with mode 0600 and writes `content`, durable when it returns; replaces what was there as a whole.
// Throws Error(Errc::kSystem).
void write_secret_file(const std::string& path, std::string_view content);
// The content without the line feed at its end. Throws Error(Errc::kSystem) if it cannot be read,
// Error(Errc::kInvalidArgument) if others than its owner may read it, or if it is empty.
std::string read_secret_file(const std::string& path);

}  // namespace mesh

#endif  // MESH_IDENTITY_H_
