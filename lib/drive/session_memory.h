// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_DRIVE_SESSION_MEMORY_H_
#define SOAK_LIB_DRIVE_SESSION_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <optional>

namespace soak {

// What one more session adds to RSS: the slope from the moment when half of them are open to the one when all are, so
// that what the first one brings in (libraries, tables, pools) is not charged to each. Only where there are enough of
// them to be seen beside the pages of an allocator, and RSS is what the program holds.
class SessionMemory {
 public:
  explicit SessionMemory(std::size_t sessions);

  // Looks at RSS where it is time: `begun` sessions are open, or are being opened; `all_open` says that the last one
  // has had the time for it. Never twice for the same purpose, and never again once all are open.
  void look(std::size_t begun, bool all_open);

  std::optional<std::int64_t> bytes_each() const;

 private:
  struct Seen {
    std::size_t sessions;
    std::int64_t rss_bytes;
  };
  static std::optional<Seen> see(std::size_t sessions);

  std::size_t sessions_;
  std::optional<Seen> half_;
  std::optional<Seen> all_;
};

}  // namespace soak

#endif  // SOAK_LIB_DRIVE_SESSION_MEMORY_H_
