// SPDX-License-Identifier: Apache-2.0
#include "mesh/edge/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "soak/run_blocking.h"

namespace mesh {

namespace {

constexpr std::size_t kSumDigits = 8;

std::uint32_t crc32_of(std::string_view bytes) {
  static const std::array<std::uint32_t, 256> table = [] {
    std::array<std::uint32_t, 256> made{};
    for (std::uint32_t i = 0; i < made.size(); ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) {
        value = (value >> 1U) ^ ((value & 1U) != 0 ? 0xEDB88320U : 0U);
      }
      made[i] = value;
    }
    return made;
  }();
  std::uint32_t sum = 0xFFFFFFFFU;
  for (const char c : bytes) {
    sum = (sum >> 8U) ^ table[(sum ^ static_cast<unsigned char>(c)) & 0xFFU];
  }
  return sum ^ 0xFFFFFFFFU;
}

std::string framed(std::string_view line) { return fmt::format("{:08x} {}\n", crc32_of(line), line); }

// The line within its frame; false if it is damaged.
bool unframe(std::string_view frame, std::string& line) {
  std::uint32_t sum = 0;
  if (frame.size() < kSumDigits + 1 || frame[kSumDigits] != ' ') {
    return false;
  }
  const auto [end, error] = std::from_chars(frame.data(), frame.data() + kSumDigits, sum, 16);
  line = frame.substr(kSumDigits + 1);
  return error == std::errc() && end == frame.data() + kSumDigits && sum == crc32_of(line);
}

std::string reason(int error) { return std::system_category().message(error); }

bool is_full(int error) { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

[[noreturn]] void fail(std::string_view path, std::string_view what, int error) {
  throw StorageError(is_full(error) ? StorageFailure::kFull : StorageFailure::kFailed,
                     fmt::format("journal {}: {}: {}", path, what, reason(error)));
}

// 0, or errno.
int write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      return errno;
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

int sync_folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int opened = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (opened < 0) {
    return errno;
  }
  const int error = fsync(opened) == 0 ? 0 : errno;
  close(opened);
  return error;
}

// Writes the whole of `bytes` to a new file and puts it in the place of `path`. 0, or errno; then `path` is as it was.
int replace_file(const std::string& path, const std::string& bytes) {
  const std::string fresh = path + ".new";
  const int file = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) {
    return errno;
  }
  int error = write_all(file, bytes);
  if (error == 0 && fsync(file) != 0) {
    error = errno;
  }
  close(file);
  if (error == 0 && rename(fresh.c_str(), path.c_str()) != 0) {
    error = errno;
  }
  if (error != 0) {
    unlink(fresh.c_str());
    return error;
  }
  return sync_folder_of(path);
}

}  // namespace

FileJournal::FileJournal(std::string path) : path_(std::move(path)) {
  // Not the journal itself, which rewrite() replaces.
  const std::string lock = path_ + ".lock";
  lock_ = open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0) {
    fail(path_, "cannot make its lock", errno);
  }
  try {
    if (flock(lock_, LOCK_EX | LOCK_NB) != 0) {
      throw StorageError(StorageFailure::kFailed, fmt::format("journal {}: another process has it open", path_));
    }
    open_file();
    read_lines();
  } catch (...) {
    if (file_ >= 0) {
      close(file_);
    }
    close(lock_);
    throw;
  }
}

FileJournal::~FileJournal() {
  close(file_);
  close(lock_);
}

void FileJournal::open_file() {
  const int opened = open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (opened < 0) {
    fail(path_, "cannot be opened", errno);
  }
  if (file_ >= 0) {
    close(file_);
  }
  file_ = opened;
}

void FileJournal::read_lines() {
  std::string text;
  std::array<char, 65536> part{};
  for (;;) {
    const ssize_t got = pread(file_, part.data(), part.size(), static_cast<off_t>(text.size()));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      fail(path_, "cannot be read", errno);
    }
    if (got == 0) {
      break;
    }
    text.append(part.data(), static_cast<std::size_t>(got));
  }
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = text.find('\n', at);
    std::string line;
    const bool whole = end != std::string::npos && unframe(std::string_view(text).substr(at, end - at), line);
    if (!whole) {
      if (end != std::string::npos && end + 1 < text.size()) {
        throw StorageError(
            StorageFailure::kFailed,
            fmt::format("journal {}: line {} is damaged, and is not the last one", path_, lines_.size() + 1));
      }
      break;
    }
    lines_.push_back(std::move(line));
    at = end + 1;
  }
  cut_off_ = text.size() - at;
  bytes_ = at;
  if (cut_off_ > 0 && (ftruncate(file_, static_cast<off_t>(at)) != 0 || fdatasync(file_) != 0)) {
    fail(path_, "cannot cut off a torn line", errno);
  }
  if (const int error = sync_folder_of(path_); error != 0) {
    fail(path_, "cannot sync its folder", error);
  }
}

std::vector<std::string> FileJournal::take_lines() { return std::exchange(lines_, {}); }

soak::Task<> FileJournal::append(std::string line) {
  const std::string frame = framed(line);
  const soak::Permit turn = co_await turn_.acquire();
  if (const int error = write_all(file_, frame); error != 0) {
    if (ftruncate(file_, static_cast<off_t>(bytes_)) != 0) {
      throw StorageError(StorageFailure::kFailed,
                         fmt::format("journal {}: a part of a line cannot be taken back: {}", path_, reason(errno)));
    }
    fail(path_, "cannot be written", error);
  }
  bytes_ += frame.size();
  const int file = file_;
  soak::Task<int> syncing = soak::run_blocking([file] { return fdatasync(file) == 0 ? 0 : errno; });
  const int error = co_await std::move(syncing);
  if (error != 0) {
    // The system may have dropped the pages: what is on disk is unknown.
    throw StorageError(StorageFailure::kFailed, fmt::format("journal {}: cannot be synced: {}", path_, reason(error)));
  }
}

soak::Task<> FileJournal::rewrite(std::vector<std::string> lines) {
  std::string text;
  for (const std::string& line : lines) {
    text += framed(line);
  }
  const std::uint64_t size = text.size();
  const soak::Permit turn = co_await turn_.acquire();
  auto replacing_file = [path = path_, text = std::move(text)] { return replace_file(path, text); };
  soak::Task<int> replacing = soak::run_blocking(std::move(replacing_file));
  const int error = co_await std::move(replacing);
  if (error != 0) {
    fail(path_, "cannot be rewritten", error);
  }
  open_file();
  bytes_ = size;
}

}  // namespace mesh
