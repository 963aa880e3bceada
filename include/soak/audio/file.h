// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_AUDIO_FILE_H_
#define SOAK_AUDIO_FILE_H_

// Reads speech from files and records audio to files. libsndfile reads the formats, and libsamplerate resamples.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace soak::audio {

// One channel of 16-bit little-endian samples, as the voice providers expect.
struct Pcm {
  int rate_hz = 0;
  std::vector<std::byte> bytes;
};

// Reads a file of any common format (WAV, FLAC, Ogg with Vorbis or Opus, MP3, AIFF), mixes it down to one channel, and
// resamples it to `rate_hz`, 1,000 to 192,000. The result is held in memory, so the limit is ten minutes. Throws
// Error(Errc::kInvalidArgument) that names the file and what is wrong with it. It blocks, so call it before a run.
Pcm read_file(const std::string& path, int rate_hz);

// Writes a WAV file as it goes. Whenever the process ends, the file holds what was appended and can be played. Use it
// from one thread at a time.
class Recording {
 public:
  // Replaces an existing file. Throws Error(Errc::kSystem) that names the path.
  Recording(std::string path, int rate_hz);
  ~Recording();  // Closes the file.
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  // Appends whole samples, as in Pcm. Throws Error(Errc::kInvalidArgument) for half a sample. Throws
  // Error(Errc::kSystem), and appends nothing, if the write fails or the file would exceed the format's 4 GiB (a day at
  // 24 kHz is 3.9).
  void append(std::span<const std::byte> pcm);

 private:
  struct File;
  std::string path_;
  std::unique_ptr<File> file_;
};

}  // namespace soak::audio

#endif  // SOAK_AUDIO_FILE_H_
