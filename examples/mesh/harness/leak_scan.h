// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_HARNESS_LEAK_SCAN_H_
#define MESH_HARNESS_LEAK_SCAN_H_

// Searches what a run leaves for secrets: those of the run, and strings that look like keys.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mesh {

struct Leak {
  std::string file;
  std::string what;  // "the secret demo-agent-a/key", "an AWS key". Never the secret itself.
  friend bool operator==(const Leak&, const Leak&) = default;
};

struct Secret {
  std::string name;
  std::string value;
};

// Of one file's content: each secret, also in hex and base64, and each form of key, at most once.
std::vector<Leak> find_leaks(std::string_view file, std::string_view content, const std::vector<Secret>& secrets);

struct ScanResult {
  std::vector<Leak> leaks;
  std::size_t files = 0;
  // Planted secrets that the scan did not find: then it proves nothing.
  std::vector<std::string> missed_canaries;
};

// Scans every file below `folder` but the files called `key` and the databases, which are where the secrets belong.
// Plants a canary of each form in a file of its own first, which it removes afterwards. Throws soak::Error(kSystem).
ScanResult scan_folder(const std::string& folder, const std::vector<Secret>& secrets);

}  // namespace mesh

#endif  // MESH_HARNESS_LEAK_SCAN_H_
