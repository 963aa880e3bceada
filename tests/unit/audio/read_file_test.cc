// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sndfile.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <numbers>
#include <string>
#include <vector>

#include "conftest/scratch_folder.h"
#include "soak/audio/file.h"
#include "soak/error.h"

namespace soak::audio {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::int16_t sample_at(const Pcm& pcm, std::size_t i) {
  return static_cast<std::int16_t>(static_cast<std::uint16_t>(pcm.bytes[2 * i]) |
                                   static_cast<std::uint16_t>(pcm.bytes[2 * i + 1]) << 8);
}

// How often the signal passes zero upwards: a second of a tone of so many Hz does it so many times.
int rises(const Pcm& pcm) {
  int count = 0;
  for (std::size_t i = 1; i < pcm.bytes.size() / 2; ++i) {
    count += sample_at(pcm, i - 1) < 0 && sample_at(pcm, i) >= 0 ? 1 : 0;
  }
  return count;
}

double loudness(const Pcm& pcm) {
  double squares = 0;
  for (std::size_t i = 0; i < pcm.bytes.size() / 2; ++i) {
    squares += std::pow(sample_at(pcm, i) / 32768.0, 2);
  }
  return std::sqrt(squares / static_cast<double>(pcm.bytes.size() / 2));
}

class ReadFileTest : public testing::Test {
 protected:
  // A tone of 440 Hz on the left, and nothing on the others.
  void write_tone(int format, int rate_hz, int channels, int seconds = 1) const {
    SF_INFO info{};
    info.samplerate = rate_hz;
    info.channels = channels;
    info.format = format;
    SNDFILE* const file = sf_open(path_.c_str(), SFM_WRITE, &info);
    ASSERT_NE(file, nullptr) << sf_strerror(nullptr);
    std::vector<float> frame(static_cast<std::size_t>(channels));
    for (int i = 0; i < rate_hz * seconds; ++i) {
      frame[0] = 0.5f * static_cast<float>(std::sin(2 * std::numbers::pi * 440 * i / rate_hz));
      sf_writef_float(file, frame.data(), 1);
    }
    sf_close(file);
  }

  std::string refusal(int rate_hz = 24'000) const {
    try {
      (void)read_file(path_, rate_hz);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::kInvalidArgument);
      return error.what();
    }
    return "not refused";
  }

  const conftest::ScratchFolder folder_;
  const std::string path_ = folder_ / "an.audio";
};

TEST_F(ReadFileTest, AFileAtTheRateThatIsAskedForIsTakenAsItIs) {
  write_tone(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 24'000, 1);

  const Pcm pcm = read_file(path_, 24'000);

  EXPECT_EQ(pcm.rate_hz, 24'000);
  EXPECT_EQ(pcm.bytes.size(), 48'000u);
  EXPECT_NEAR(rises(pcm), 440, 1);
  EXPECT_NEAR(loudness(pcm), 0.5 / std::numbers::sqrt2, 0.01);
}

TEST_F(ReadFileTest, AToneKeepsItsPitchAndLengthAtAnotherRate) {
  for (const int from : {8'000, 16'000, 44'100, 48'000}) {
    for (const int to : {16'000, 24'000}) {
      write_tone(SF_FORMAT_WAV | SF_FORMAT_PCM_16, from, 1);
      const Pcm pcm = read_file(path_, to);
      EXPECT_NEAR(static_cast<double>(pcm.bytes.size()) / 2, to, to * 0.005) << from << " to " << to;
      EXPECT_NEAR(rises(pcm), 440, 3) << from << " to " << to;
      EXPECT_NEAR(loudness(pcm), 0.5 / std::numbers::sqrt2, 0.02) << from << " to " << to;
    }
  }
}

TEST_F(ReadFileTest, ChannelsAreMixedIntoOne) {
  write_tone(SF_FORMAT_WAV | SF_FORMAT_FLOAT, 24'000, 2);

  const Pcm pcm = read_file(path_, 24'000);

  EXPECT_EQ(pcm.bytes.size(), 48'000u);
  EXPECT_NEAR(loudness(pcm), 0.25 / std::numbers::sqrt2, 0.01);
}

TEST_F(ReadFileTest, TakesTheCommonFormats) {
  for (const int format : {SF_FORMAT_FLAC | SF_FORMAT_PCM_16, SF_FORMAT_OGG | SF_FORMAT_VORBIS,
                           SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, SF_FORMAT_AIFF | SF_FORMAT_PCM_24}) {
    write_tone(format, 44'100, 2);
    EXPECT_NEAR(rises(read_file(path_, 24'000)), 440, 30) << std::hex << format;
  }
}

TEST_F(ReadFileTest, WhatCannotBeReadIsNamed) {
  EXPECT_THAT(refusal(), AllOf(HasSubstr(path_), HasSubstr("No such file")));

  std::ofstream(path_) << "these words are no audio, however long they are";
  EXPECT_THAT(refusal(), AllOf(HasSubstr(path_), HasSubstr("Format not recognised")));

  write_tone(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 24'000, 1, 0);
  EXPECT_THAT(refusal(), AllOf(HasSubstr(path_), HasSubstr("holds no audio")));
}

TEST_F(ReadFileTest, LongerThanTenMinutesIsRefused) {
  write_tone(SF_FORMAT_WAV | SF_FORMAT_PCM_U8, 1'000, 1, 600);
  EXPECT_EQ(refusal(1'000), "not refused");

  write_tone(SF_FORMAT_WAV | SF_FORMAT_PCM_U8, 1'000, 1, 601);
  EXPECT_THAT(refusal(1'000), HasSubstr("longer than 10 minutes"));
}

TEST_F(ReadFileTest, ARateThatNobodyTakesIsRefused) {
  write_tone(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 24'000, 1);

  EXPECT_THAT(refusal(0), HasSubstr("audio rate 0 Hz: expected 1000 to 192000"));
}

}  // namespace
}  // namespace soak::audio
