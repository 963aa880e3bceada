// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_OPENAI_AUDIO_STORE_H_
#define SOAK_LIB_PEERS_OPENAI_AUDIO_STORE_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

namespace soak::peers::openai {

// What was heard, for conversation.item.retrieve. Null, or empty, where it is not kept.
using StoredAudio = std::shared_ptr<const std::string>;

// Keeps the audio of all sessions of a fake, up to a bound: the newest of it, or a fake would grow with what it hears.
class AudioStore {
 public:
  explicit AudioStore(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  AudioStore(const AudioStore&) = delete;
  AudioStore& operator=(const AudioStore&) = delete;

  // A recording in progress: the input buffer of a session. It must not outlive the store.
  class Recording {
   public:
    explicit Recording(AudioStore& store) : store_(store) {}
    ~Recording() { clear(); }
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;

    void append(std::string_view audio);
    void clear();
    // Ends the recording and begins the next. Null if it did not fit.
    StoredAudio take();

   private:
    AudioStore& store_;
    std::string audio_;
    bool too_much_ = false;
  };

 private:
  // Makes room for `bytes` by dropping what was recorded first; false if there is none.
  bool reserve(std::size_t bytes);

  std::size_t bytes_max_;
  std::size_t recording_ = 0;  // Bytes in recordings.
  std::size_t stored_ = 0;
  struct Stored {
    std::weak_ptr<std::string> audio;  // Gone with its item.
    std::size_t bytes;
  };
  std::deque<Stored> oldest_first_;
};

}  // namespace soak::peers::openai

#endif  // SOAK_LIB_PEERS_OPENAI_AUDIO_STORE_H_
