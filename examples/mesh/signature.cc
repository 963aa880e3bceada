// SPDX-License-Identifier: Apache-2.0
#include "mesh/signature.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "mesh/encoding.h"
#include "mesh/problem.h"
#include "mesh/structured_field.h"
#include "soak/error.h"

namespace mesh {
namespace {

constexpr std::string_view kLabel = "mesh";
constexpr std::array<std::string_view, 4> kMustCover = {"@method", "@authority", "@path", "@query"};

Problem invalid(const std::string& why) {
  return Problem(401, "signature_invalid", "the signature is refused: " + why);
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return result;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// RFC 9421, 2.1: fields of one name are one value. nullopt if there is none.
std::optional<std::string> field_value(const soak::net::Headers& headers, std::string_view name) {
  std::optional<std::string> value;
  for (const std::string& field : headers.get_all(name)) {
    if (value) {
      *value += ", ";
      *value += trimmed(field);
    } else {
      value = std::string(trimmed(field));
    }
  }
  return value;
}

// RFC 9421, 2.2.3: in lower case, without the default port.
std::string normal_authority(const SignableRequest& request) {
  std::string authority = lower(request.authority);
  const std::string_view port = request.scheme == "https" ? ":443" : ":80";
  if (authority.size() > port.size() && authority.compare(authority.size() - port.size(), port.size(), port) == 0) {
    authority.resize(authority.size() - port.size());
  }
  return authority;
}

std::optional<std::string> component_value(const SignableRequest& request, const std::string& name) {
  const std::string path = request.path.empty() ? "/" : request.path;
  const std::string target = request.query.empty() ? path : path + "?" + request.query;
  if (name == "@method") {
    return request.method;
  }
  if (name == "@scheme") {
    return request.scheme;
  }
  if (name == "@authority") {
    return normal_authority(request);
  }
  if (name == "@path") {
    return path;
  }
  if (name == "@query") {
    return "?" + request.query;
  }
  if (name == "@request-target") {
    return target;
  }
  if (name == "@target-uri") {
    return request.scheme + "://" + normal_authority(request) + target;
  }
  if (name.empty() || name[0] == '@') {
    return std::nullopt;
  }
  return field_value(request.headers, name);
}

std::string quoted(std::string_view name) { return fmt::format("\"{}\"", name); }

template <typename T>
std::optional<T> parameter(const sf::Parameters& parameters, std::string_view name) {
  const sf::BareItem* value = find(parameters, name);
  if (value == nullptr) {
    return std::nullopt;
  }
  const T* typed = std::get_if<T>(value);
  if (typed == nullptr) {
    throw invalid(fmt::format("its parameter {} has the wrong type", name));
  }
  return *typed;
}

const sf::Member& the_one(const sf::Dictionary& inputs, std::string_view label) {
  if (!label.empty()) {
    const sf::Member* found = find(inputs, label);
    if (found == nullptr) {
      throw Problem(401, "signature_missing", fmt::format("Signature-Input has no signature \"{}\"", label));
    }
    return *found;
  }
  if (inputs.size() != 1) {
    throw invalid(fmt::format("Signature-Input has {} signatures, expected one", inputs.size()));
  }
  return inputs.front();
}

sf::Dictionary dictionary_of(const soak::net::Headers& headers, std::string_view name) {
  const std::optional<std::string> text = field_value(headers, name);
  if (!text) {
    throw Problem(401, "signature_missing", fmt::format("expected a signed request; {} is missing", name));
  }
  std::optional<sf::Dictionary> dictionary = sf::parse_dictionary(*text);
  if (!dictionary) {
    throw invalid(fmt::format("{} is no dictionary of RFC 8941", name));
  }
  return std::move(*dictionary);
}

}  // namespace

SignableRequest signable(const soak::net::HttpRequest& request) {
  SignableRequest parts;
  const std::size_t scheme_end = request.url.find("://");
  parts.scheme = lower(request.url.substr(0, scheme_end));
  if (scheme_end == std::string::npos || (parts.scheme != "http" && parts.scheme != "https")) {
    throw soak::Error(soak::Errc::kInvalidArgument, "only a request to an http: or https: URL can be signed");
  }
  std::string_view rest = std::string_view(request.url).substr(scheme_end + 3);
  rest = rest.substr(0, rest.find('#'));
  const std::size_t path = std::min(rest.find_first_of("/?"), rest.size());
  const std::size_t query = std::min(rest.find('?'), rest.size());
  parts.method = request.method;
  parts.authority = rest.substr(0, path);
  parts.path = rest.substr(path, query - path);
  parts.query = query < rest.size() ? rest.substr(query + 1) : std::string_view();
  parts.headers = request.headers;
  return parts;
}

SignableRequest signable(const soak::net::HttpServerRequest& request) {
  SignableRequest parts;
  parts.method = request.method;
  parts.authority = request.headers.get("Host");
  parts.path = request.path;
  parts.query = request.query;
  parts.headers = request.headers;
  return parts;
}

MessageSignature read_signature(const soak::net::Headers& headers, std::string_view label) {
  const sf::Dictionary inputs = dictionary_of(headers, "Signature-Input");
  const sf::Dictionary signatures = dictionary_of(headers, "Signature");
  const sf::Member& input = the_one(inputs, label);
  const auto* list = std::get_if<sf::InnerList>(&input.value);
  const sf::Member* of_label = find(signatures, input.name);
  const auto* item = of_label == nullptr ? nullptr : std::get_if<sf::Item>(&of_label->value);
  const auto* bytes = item == nullptr ? nullptr : std::get_if<sf::Bytes>(&item->value);
  if (list == nullptr || bytes == nullptr) {
    throw invalid(
        fmt::format("expected {}=(...) in Signature-Input and {}=:...: in Signature", input.name, input.name));
  }
  MessageSignature signature;
  for (const sf::Item& component : list->items) {
    const auto* name = std::get_if<std::string>(&component.value);
    if (name == nullptr || !component.parameters.empty()) {
      throw invalid("a covered component is no string, or has parameters, which are not supported");
    }
    if (std::find(signature.components.begin(), signature.components.end(), *name) != signature.components.end()) {
      throw invalid(fmt::format("{} is covered twice", quoted(*name)));
    }
    signature.components.push_back(*name);
  }
  signature.parameters = sf::to_string(*list);
  signature.created = parameter<std::int64_t>(list->parameters, "created");
  signature.expires = parameter<std::int64_t>(list->parameters, "expires");
  signature.keyid = parameter<std::string>(list->parameters, "keyid").value_or("");
  signature.nonce = parameter<std::string>(list->parameters, "nonce").value_or("");
  signature.alg = parameter<std::string>(list->parameters, "alg").value_or("ed25519");
  signature.signature = bytes->bytes;
  return signature;
}

SignatureBase signature_base(const SignableRequest& request, const std::vector<std::string>& components,
                             std::string_view parameters) {
  std::string text;
  for (const std::string& name : components) {
    const std::optional<std::string> value = component_value(request, name);
    if (name != lower(name) || !value) {
      return {std::nullopt, fmt::format("{} is not in the request, or not supported", quoted(name))};
    }
    if (value->find_first_of("\r\n") != std::string::npos) {
      return {std::nullopt, fmt::format("{} has a line break", quoted(name))};
    }
    text += quoted(name) + ": " + *value + "\n";
  }
  text += "\"@signature-params\": ";
  text += parameters;
  return {std::move(text), {}};
}

void check_profile(const MessageSignature& signature, std::string_view body, const soak::net::Headers& headers) {
  const auto covers = [&](std::string_view name) {
    return std::find(signature.components.begin(), signature.components.end(), name) != signature.components.end();
  };
  for (const std::string_view name : kMustCover) {
    if (!covers(name)) {
      throw invalid(fmt::format("{} is not covered", quoted(name)));
    }
  }
  if (!body.empty() && !covers("content-digest")) {
    throw invalid("\"content-digest\" is not covered");
  }
  if (!signature.created) {
    throw invalid("its parameter created is missing");
  }
  if (signature.alg != "ed25519") {
    throw invalid("alg: expected ed25519");
  }
  if (signature.keyid.size() != 64 || signature.keyid.find_first_not_of("0123456789abcdef") != std::string::npos) {
    throw invalid("keyid: expected 64 lower-case hex digits");
  }
  if (signature.nonce.size() < 8 || signature.nonce.size() > 64 || signature.nonce.find(' ') != std::string::npos) {
    throw invalid("nonce: expected 8 to 64 visible ASCII characters");
  }
  const std::optional<std::string> digests = field_value(headers, "Content-Digest");
  if (!digests && body.empty()) {
    return;
  }
  const std::optional<sf::Dictionary> read = digests ? sf::parse_dictionary(*digests) : std::nullopt;
  const sf::Member* member = read ? find(*read, "sha-256") : nullptr;
  const auto* item = member == nullptr ? nullptr : std::get_if<sf::Item>(&member->value);
  const auto* bytes = item == nullptr ? nullptr : std::get_if<sf::Bytes>(&item->value);
  if (bytes == nullptr || bytes->bytes != sha256(body)) {
    throw Problem(401, "digest_mismatch", "Content-Digest: expected sha-256=:...: of the body");
  }
}

void verify_signature(const MessageSignature& signature, const SignableRequest& request, const PublicKey& key) {
  const SignatureBase base = signature_base(request, signature.components, signature.parameters);
  if (!base.text) {
    throw invalid(base.problem);
  }
  if (!key.verify(*base.text, signature.signature)) {
    throw invalid("it does not match the request and the key");
  }
}

std::string content_digest(std::string_view body) { return "sha-256=:" + base64(sha256(body)) + ":"; }

void sign(soak::net::HttpRequest& request, const PrivateKey& key, const SignatureStamp& stamp) {
  std::vector<std::string> components(kMustCover.begin(), kMustCover.end());
  request.headers.remove("Content-Digest");
  if (!request.body.empty()) {
    request.headers.add("Content-Digest", content_digest(request.body));
    components.emplace_back("content-digest");
  }
  sf::InnerList input;
  for (const std::string& name : components) {
    input.items.push_back({name, {}});
  }
  input.parameters = {{"created", stamp.created}, {"keyid", key.public_key().keyid()}, {"nonce", stamp.nonce}};
  const std::string parameters = sf::to_string(input);
  const SignatureBase base = signature_base(signable(request), components, parameters);
  if (!base.text) {
    throw soak::Error(soak::Errc::kInvalidArgument, "the request cannot be signed: " + base.problem);
  }
  const std::string label(kLabel);
  request.headers.set("Signature-Input", label + "=" + parameters);
  request.headers.set("Signature", label + "=:" + base64(key.sign(*base.text)) + ":");
}

}  // namespace mesh
