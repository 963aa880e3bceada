// SPDX-License-Identifier: Apache-2.0
#include "mesh/harness/leak_scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/encoding.h"
#include "soak/error.h"

namespace mesh {

namespace {

struct KeyForm {
  std::string_view name;
  std::string_view begins;
  std::size_t more_min;  // How many characters of a key follow at least.
};

constexpr KeyForm kForms[] = {{"a private key in PEM", "-----BEGIN PRIVATE KEY-----", 0},
                              {"an OpenSSH private key", "-----BEGIN OPENSSH PRIVATE KEY-----", 0},
                              {"an API key of the form sk-", "sk-", 20},
                              {"a GitHub token", "ghp_", 20},
                              {"a Slack token", "xoxb-", 20},
                              {"an AWS key", "AKIA", 16},
                              {"a bearer token", "Bearer ", 16}};
constexpr std::string_view kCanaryFile = "leak-scan-canary";

bool is_key_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

bool holds(std::string_view content, const KeyForm& form) {
  for (std::size_t at = content.find(form.begins); at != std::string_view::npos;
       at = content.find(form.begins, at + 1)) {
    // Not the end of a word, as in "task-...".
    const bool begins_word = at == 0 || !is_key_byte(content[at - 1]);
    const std::string_view rest = content.substr(at + form.begins.size());
    const auto end = std::find_if_not(rest.begin(), rest.end(), is_key_byte);
    if (begins_word && static_cast<std::size_t>(end - rest.begin()) >= form.more_min) {
      return true;
    }
  }
  return false;
}

bool is_where_secrets_belong(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  return name == "key" || name.ends_with(".key") || name.find(".db") != std::string::npos;
}

}  // namespace

std::vector<Leak> find_leaks(std::string_view file, std::string_view content, const std::vector<Secret>& secrets) {
  std::vector<Leak> leaks;
  for (const Secret& secret : secrets) {
    for (const std::string& form : {secret.value, hex(secret.value), base64(secret.value), base64url(secret.value)}) {
      if (content.find(form) != std::string_view::npos) {
        leaks.push_back({std::string(file), "the secret " + secret.name});
        break;
      }
    }
  }
  for (const KeyForm& form : kForms) {
    if (holds(content, form)) {
      leaks.push_back({std::string(file), std::string(form.name)});
    }
  }
  return leaks;
}

ScanResult scan_folder(const std::string& folder, const std::vector<Secret>& secrets) {
  const std::filesystem::path canary = std::filesystem::path(folder) / kCanaryFile;
  std::vector<Secret> all = secrets;
  all.push_back({"canary", "planted-for-the-leak-scan-of-this-run"});
  std::string planted = all.back().value + "\n";
  std::vector<std::string> expected = {"the secret canary"};
  for (const KeyForm& form : kForms) {
    planted += fmt::format("{}{}\n", form.begins, std::string(form.more_min, 'C'));
    expected.emplace_back(form.name);
  }
  std::ofstream(canary) << planted;

  ScanResult result;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() || is_where_secrets_belong(entry.path())) {
      continue;
    }
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    if (file.bad()) {
      throw soak::Error(soak::Errc::kSystem, fmt::format("{} cannot be read", entry.path().string()));
    }
    const std::vector<Leak> leaks = find_leaks(std::filesystem::relative(entry.path(), folder).string(), content, all);
    if (entry.path() == canary) {
      for (const std::string& what : expected) {
        if (std::none_of(leaks.begin(), leaks.end(), [&what](const Leak& leak) { return leak.what == what; })) {
          result.missed_canaries.push_back(what);
        }
      }
      expected.clear();
      continue;
    }
    ++result.files;
    result.leaks.insert(result.leaks.end(), leaks.begin(), leaks.end());
  }
  // It was not even read.
  result.missed_canaries.insert(result.missed_canaries.end(), expected.begin(), expected.end());
  std::filesystem::remove(canary);
  return result;
}

}  // namespace mesh
