// SPDX-License-Identifier: Apache-2.0
#include "soak/detail/secrets.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <list>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "lib/text/ascii.h"
#include "lib/text/base64.h"

namespace soak::text {
namespace {

constexpr std::size_t kSecretsMax = 1024;
constexpr std::size_t kCutBytesMin = 8;  // Of a secret at the end of a text that was cut.

// What all base64 texts have in common that hold `secret` at this offset from a group's start. Its first and last
// characters are left out where they hold bits of what stands beside it.
std::string base64_at(std::string_view secret, std::size_t offset) {
  const std::string bytes = std::string(offset, '\0') + std::string(secret);
  std::string encoded;
  append_base64(encoded, std::as_bytes(std::span(bytes)));
  const std::size_t begin = (offset * 8 + 5) / 6;
  const std::size_t end = bytes.size() * 8 / 6;
  return encoded.substr(begin, end - begin);
}

std::string url_alphabet(std::string base64) {
  for (char& c : base64) {
    c = c == '+' ? '-' : c == '/' ? '_' : c;
  }
  return base64;
}

struct Secret {
  explicit Secret(std::string_view secret) : forms{std::string(secret)} {
    for (std::size_t offset = 0; offset < 3; ++offset) {
      std::string form = base64_at(secret, offset);
      if (form.size() < kSecretBytesMin) {
        continue;
      }
      if (std::string other = url_alphabet(form); other != form) {
        forms.push_back(std::move(other));
      }
      forms.push_back(std::move(form));
    }
  }

  std::vector<std::string> forms;  // The first is the secret itself.
};

// Never destroyed: other statics may still print while they are.
struct Kept {
  std::mutex mutex;
  std::list<Secret> secrets;  // What was given last comes first.
  std::atomic<bool> any = false;
};

Kept& the_kept() {
  static Kept& kept = *new Kept;
  return kept;
}

int hex_byte(std::string_view text) {
  const int high = hex_value(text[0]);
  const int low = hex_value(text[1]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// How many bytes of `text` stand for `c` at its beginning, 0 where it begins with something else.
std::size_t bytes_for(char c, std::string_view text) {
  const auto byte = static_cast<unsigned char>(c);
  if (text.front() == c && c != '\\') {
    return 1;
  }
  if (text.front() == '%' && text.size() >= 3 && hex_byte(text.substr(1)) == byte) {
    return 3;
  }
  if (text.front() == '\\' && text.size() >= 2) {
    if ((c == '"' || c == '\\' || c == '/') && text[1] == c) {
      return 2;
    }
    if (text[1] == 'u' && text.size() >= 6 && text.substr(2, 2) == "00" && hex_byte(text.substr(4)) == byte) {
      return 6;
    }
  }
  return text.front() == c ? 1 : 0;
}

// How many bytes of `text` stand for `form` at its beginning, or for as much of it as there is room for.
std::size_t match(std::string_view form, std::string_view text) {
  const std::size_t whole = text.size();
  for (std::size_t matched = 0; matched < form.size(); ++matched) {
    if (text.empty()) {
      return matched >= kCutBytesMin ? whole : 0;
    }
    const std::size_t bytes = bytes_for(form[matched], text);
    if (bytes == 0) {
      return 0;
    }
    text.remove_prefix(bytes);
  }
  return whole - text.size();
}

struct Place {
  std::size_t begin = 0;
  std::size_t end = 0;
};

void find_all(std::string_view form, std::string_view text, std::vector<Place>& places) {
  const std::array<char, 3> starts = {form.front(), '%', '\\'};
  const std::string_view starting(starts.data(), starts.size());
  for (std::size_t at = text.find_first_of(starting); at != std::string_view::npos;
       at = text.find_first_of(starting, at + 1)) {
    if (const std::size_t size = match(form, text.substr(at)); size > 0) {
      places.push_back({at, at + size});
    }
  }
}

}  // namespace

void keep_secret(std::string_view secret) {
  if (secret.size() < kSecretBytesMin) {
    return;
  }
  Kept& kept = the_kept();
  const std::lock_guard lock(kept.mutex);
  const auto known = std::find_if(kept.secrets.begin(), kept.secrets.end(),
                                  [secret](const Secret& one) { return one.forms.front() == secret; });
  if (known != kept.secrets.end()) {
    kept.secrets.splice(kept.secrets.begin(), kept.secrets, known);
    return;
  }
  kept.secrets.emplace_front(secret);
  if (kept.secrets.size() > kSecretsMax) {
    kept.secrets.pop_back();
  }
  kept.any = true;
}

std::string without_secrets(std::string_view text) {
  Kept& kept = the_kept();
  if (!kept.any) {
    return std::string(text);
  }
  std::vector<Place> places;
  {
    const std::lock_guard lock(kept.mutex);
    for (const Secret& secret : kept.secrets) {
      for (const std::string& form : secret.forms) {
        find_all(form, text, places);
      }
    }
  }
  // One secret may be a part of another one.
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) { return a.begin < b.begin; });
  std::string shown;
  std::size_t done = 0;
  for (auto place = places.begin(); place != places.end();) {
    shown += text.substr(done, place->begin - done);
    shown += "***";
    done = place->end;
    for (++place; place != places.end() && place->begin < done; ++place) {
      done = std::max(done, place->end);
    }
  }
  return shown += text.substr(done);
}

bool is_secret_name(std::string_view name) {
  constexpr std::array<std::string_view, 12> kParts = {"key",  "token", "secret", "passw",   "pwd", "auth",
                                                       "cred", "sig",   "cookie", "session", "jwt", "code"};
  const std::string lower = to_lower(name);
  if (lower.find("idempotency") != std::string::npos) {
    return false;  // No credential, and another one for each request: these would push the secrets out.
  }
  return std::any_of(kParts.begin(), kParts.end(),
                     [&lower](std::string_view part) { return lower.find(part) != std::string::npos; });
}

}  // namespace soak::text
