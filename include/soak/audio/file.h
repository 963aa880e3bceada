// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_AUDIO_FILE_H_
#define SOAK_AUDIO_FILE_H_

// Speech from files, and what was heard into files. The formats are those of libsndfile; libsamplerate changes rates.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace soak::audio {

// One channel of 16-bit samples, little endian, as the voice providers take it.
struct Pcm {
  int rate_hz = 0;
  std::vector<std::byte> bytes;
};

// Reads a file of any common format (WAV, FLAC, Ogg with Vorbis or Opus, MP3, AIFF), mixes its channels into one and
// resamples it to `rate_hz`, from 1,000 to 192,000. It is held in memory, so at most ten minutes of it are allowed.
// Throws Error, Errc::kInvalidArgument, which names the file and what is wrong with it. Blocks: call it before a run.
Pcm read_file(const std::string& path, int rate_hz);

// A WAV file in the making. What was appended is in it, and can be played, whenever the process ends. One thread at a
// time.
class Recording {
 public:
  // An existing file is replaced. Throws Error, Errc::kSystem, which names the path.
  Recording(std::string path, int rate_hz);
  ~Recording();  // Closes it.
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  // Whole samples, as in Pcm. Throws Error: Errc::kInvalidArgument for half a sample; Errc::kSystem when they cannot be
  // written, or when the file would pass the 4 GiB of the format (a day at 24 kHz is 3.9), and takes none of them then.
  void append(std::span<const std::byte> pcm);

 private:
  struct File;
  std::string path_;
  std::unique_ptr<File> file_;
};

}  // namespace soak::audio

#endif  // SOAK_AUDIO_FILE_H_
