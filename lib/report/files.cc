// SPDX-License-Identifier: Apache-2.0
#include "soak/report/files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include "soak/error.h"

namespace soak::report {
namespace {

constexpr std::size_t kSmallReport = 64 * 1024;

std::string temporary_name(const std::string& path) { return fmt::format("{}.{}.tmp", path, ::getpid()); }

// Returns an error, which names `path`; the file may then be there in part.
std::string write_new_file(const std::string& file_name, const std::string& path, const std::string& text) {
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (!directory.empty() && !std::filesystem::create_directories(directory, error) && error) {
    return fmt::format("{}: cannot make the directory {}: {}", path, directory.string(), error.message());
  }
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(file_name.c_str(), "w"), &std::fclose);
  if (file == nullptr) {
    return fmt::format("{}: {}", path, std::strerror(errno));
  }
  const bool written = std::fwrite(text.data(), 1, text.size(), file.get()) == text.size();
  const int why = errno;
  const bool closed = std::fclose(file.release()) == 0;
  if (!written || !closed) {
    return fmt::format("{}: {}", path, std::strerror(written ? errno : why));
  }
  return {};
}

}  // namespace

std::string report_path(const Record& record, const std::string& directory, const std::string& extension) {
  std::string file = record.name;
  for (char& c : file) {
    if (c == '/' || c == ' ') {
      c = '-';
    }
  }
  if (record.mode != "real") {
    file += "-" + record.mode;
  }
  return (std::filesystem::path(directory) / (file + extension)).string();
}

std::string read_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "r"), &std::fclose);
  std::string text;
  if (file != nullptr) {
    std::array<char, 65536> block;
    std::size_t got = 0;
    while ((got = std::fread(block.data(), 1, block.size(), file.get())) > 0) {
      text.append(block.data(), got);
    }
  }
  if (file == nullptr || std::ferror(file.get()) != 0) {
    throw Error(Errc::kSystem, fmt::format("{}: {}", path, std::strerror(errno)));
  }
  return text;
}

std::string try_file(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return fmt::format("{}: {}", path, std::strerror(EISDIR));
  }
  const std::string temporary = temporary_name(path);
  std::string error = write_new_file(temporary, path, std::string(kSmallReport, ' '));
  std::remove(temporary.c_str());
  return error;
}

std::string write_file(const std::string& path, const std::string& text) {
  const std::string temporary = temporary_name(path);
  std::string error = write_new_file(temporary, path, text);
  if (error.empty() && std::rename(temporary.c_str(), path.c_str()) != 0) {
    error = fmt::format("{}: {}", path, std::strerror(errno));
  }
  if (!error.empty()) {
    std::remove(temporary.c_str());
  }
  return error;
}

}  // namespace soak::report
