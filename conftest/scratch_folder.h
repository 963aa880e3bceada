// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_CONFTEST_SCRATCH_FOLDER_H_
#define SOAK_CONFTEST_SCRATCH_FOLDER_H_

// A folder that no other test has, nor the same test in another process: CTest runs them side by side.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

namespace soak::conftest {

// Empty at first; gone with the object, and all that is in it.
class ScratchFolder {
 public:
  ScratchFolder() : path_(testing::TempDir() + "/soak-test-XXXXXX"), owner_(::getpid()) {
    if (::mkdtemp(path_.data()) == nullptr) {
      throw std::system_error(errno, std::generic_category(), path_);
    }
  }
  ~ScratchFolder() {
    if (::getpid() != owner_) {
      return;  // A death test's child.
    }
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::string& path() const { return path_; }
  // The path of a file, or a folder, in it, whether it is there or not.
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
  pid_t owner_;
};

// That of this process, for what has no fixture.
inline const ScratchFolder& scratch_folder() {
  static const ScratchFolder folder;
  return folder;
}

}  // namespace soak::conftest

#endif  // SOAK_CONFTEST_SCRATCH_FOLDER_H_
