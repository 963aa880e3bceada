// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <samplerate.h>
#include <sndfile.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <type_traits>
#include <vector>

#include "soak/audio/file.h"
#include "soak/error.h"

namespace soak::audio {
namespace {

constexpr int kSecondsMax = 600;
constexpr int kLowestRate = 1'000;
constexpr int kHighestRate = 192'000;
constexpr sf_count_t kBlock = 4096;  // Frames.

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw Error(Errc::kInvalidArgument, fmt::format("audio file {}: {}", path, why));
}

struct CloseFile {
  void operator()(SNDFILE* file) const { sf_close(file); }
};

// One channel, from -1 to 1, at the file's own rate.
std::vector<float> read_mono(const std::string& path, int& rate_hz) {
  SF_INFO info{};
  const std::unique_ptr<SNDFILE, CloseFile> file(sf_open(path.c_str(), SFM_READ, &info));
  if (file == nullptr) {
    refuse(path, sf_strerror(nullptr));
  }
  const auto channels = static_cast<std::size_t>(info.channels);
  const auto most = static_cast<std::size_t>(info.samplerate) * kSecondsMax;
  std::vector<float> block(static_cast<std::size_t>(kBlock) * channels);
  std::vector<float> mono;
  sf_count_t got = 0;
  while ((got = sf_readf_float(file.get(), block.data(), kBlock)) > 0) {
    if (mono.size() + static_cast<std::size_t>(got) > most) {
      refuse(path, fmt::format("longer than {} minutes, the most that is held in memory", kSecondsMax / 60));
    }
    for (auto frame = block.begin(); frame != block.begin() + got * info.channels; frame += info.channels) {
      mono.push_back(std::accumulate(frame, frame + info.channels, 0.0f) / static_cast<float>(info.channels));
    }
  }
  if (sf_error(file.get()) != SF_ERR_NO_ERROR) {
    refuse(path, sf_strerror(file.get()));
  }
  if (mono.empty()) {
    refuse(path, "holds no audio");
  }
  rate_hz = info.samplerate;
  return mono;
}

std::vector<float> resample(const std::string& path, std::vector<float> samples, int from_hz, int to_hz) {
  if (from_hz == to_hz) {
    return samples;
  }
  const double ratio = static_cast<double>(to_hz) / from_hz;
  std::vector<float> resampled(static_cast<std::size_t>(std::ceil(static_cast<double>(samples.size()) * ratio)) + 1);
  SRC_DATA data{};
  data.data_in = samples.data();
  data.input_frames = static_cast<long>(samples.size());
  data.data_out = resampled.data();
  data.output_frames = static_cast<long>(resampled.size());
  data.src_ratio = ratio;
  if (const int error = src_simple(&data, SRC_SINC_MEDIUM_QUALITY, 1); error != 0) {
    refuse(path, fmt::format("{} Hz cannot be made {} Hz: {}", from_hz, to_hz, src_strerror(error)));
  }
  resampled.resize(static_cast<std::size_t>(data.output_frames_gen));
  return resampled;
}

}  // namespace

Pcm read_file(const std::string& path, int rate_hz) {
  if (rate_hz < kLowestRate || rate_hz > kHighestRate) {
    throw Error(Errc::kInvalidArgument,
                fmt::format("audio rate {} Hz: expected {} to {}", rate_hz, kLowestRate, kHighestRate));
  }
  int own_rate_hz = 0;
  std::vector<float> mono = read_mono(path, own_rate_hz);
  const std::vector<float> samples = resample(path, std::move(mono), own_rate_hz, rate_hz);
  std::vector<std::int16_t> whole(samples.size());
  src_float_to_short_array(samples.data(), whole.data(), static_cast<int>(samples.size()));
  Pcm pcm{rate_hz, {}};
  pcm.bytes.reserve(whole.size() * 2);
  for (const std::int16_t sample : whole) {
    const auto bits = static_cast<std::uint16_t>(sample);
    pcm.bytes.push_back(static_cast<std::byte>(bits & 0xff));
    pcm.bytes.push_back(static_cast<std::byte>(bits >> 8));
  }
  return pcm;
}

}  // namespace soak::audio
