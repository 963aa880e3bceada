// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sndfile.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "soak/audio/file.h"
#include "soak/error.h"

namespace soak::audio {
namespace {

// RIFF counts in 32 bits; the header needs some of them.
constexpr std::uint64_t kBytesMax = (std::uint64_t{1} << 32) - 4096;

}  // namespace

struct Recording::File {
  SNDFILE* handle = nullptr;
  std::uint64_t bytes = 0;

  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { sf_close(handle); }
};

Recording::Recording(std::string path, int rate_hz) : path_(std::move(path)), file_(std::make_unique<File>()) {
  SF_INFO info{};
  info.samplerate = rate_hz;
  info.channels = 1;
  info.format = SF_FORMAT_WAV | SF_FORMAT_PCM_16;
  file_->handle = sf_open(path_.c_str(), SFM_WRITE, &info);
  if (file_->handle == nullptr) {
    throw Error(Errc::kSystem, fmt::format("audio file {}: {}", path_, sf_strerror(nullptr)));
  }
  sf_command(file_->handle, SFC_SET_UPDATE_HEADER_AUTO, nullptr, SF_TRUE);
}

Recording::~Recording() = default;

void Recording::append(std::span<const std::byte> pcm) {
  if (pcm.size() % 2 != 0) {
    throw Error(Errc::kInvalidArgument,
                fmt::format("audio file {}: {} bytes are not a whole number of 2-byte samples", path_, pcm.size()));
  }
  if (file_->bytes + pcm.size() > kBytesMax) {
    throw Error(Errc::kSystem, fmt::format("audio file {}: the WAV file is full: the format holds 4 GiB", path_));
  }
  const auto size = static_cast<sf_count_t>(pcm.size());
  if (sf_write_raw(file_->handle, pcm.data(), size) != size) {
    throw Error(Errc::kSystem, fmt::format("audio file {}: {}", path_, sf_strerror(file_->handle)));
  }
  file_->bytes += pcm.size();
}

}  // namespace soak::audio
