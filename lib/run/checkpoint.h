// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_RUN_CHECKPOINT_H_
#define SOAK_LIB_RUN_CHECKPOINT_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/run/file_lock.h"
#include "soak/report/record.h"

namespace soak {

// What makes a soak the same soak in its next part.
struct SoakIdentity {
  std::string name;
  std::string mode;
  std::chrono::nanoseconds duration{};
  std::optional<std::uint64_t> seed;  // Where it was asked for; a drawn one is taken from the checkpoint.
  // What another value of makes it another soak. Those of drivers may still be set in code.
  std::vector<report::Setting> settings;
  std::vector<report::Setting> driver_settings = {};
};

// A soak that is run as several processes, each a part of it, and the file between them: the report of the soak so far
// ("soak.report", docs/report.md), with its `parts`. It is written whole or not at all.
class Checkpoint {
 public:
  // `asked` is the file, or a directory, where each soak has a file of its own: one that exists, or that ends with a
  // slash. It is this process's alone while this lives. Throws detail::RunRefused, saying what is wrong, for a file
  // that cannot be read, is another soak's, is finished, or is used by a run that goes on; the file stays as it was.
  Checkpoint(const std::string& asked, const SoakIdentity& identity, std::chrono::nanoseconds part_duration);

  // Throws detail::RunRefused where the parts before were made with another value of this option.
  void refuse_unless_same(const report::Setting& setting) const;

  // The parts before this one, joined; with no parts, nothing in it but the identity's counts.
  const report::Record& before() const { return before_; }
  bool first() const { return before_.parts.empty(); }
  std::uint64_t cycles_due_before() const;
  std::optional<std::uint64_t> seed() const { return seed_; }  // Of the soak that the file holds.

  std::chrono::nanoseconds from() const {
    return from_;
  }  // When this part begins and ends, since the start of the soak.
  std::chrono::nanoseconds to() const { return to_; }
  // How many parts are needed after `done` of the soak.
  std::uint64_t parts_after(std::chrono::nanoseconds done) const;

  // The seed of this part's event loop: the soak's own for the first, another for each later one, so that the parts do
  // not all draw the same.
  std::uint64_t part_seed(std::uint64_t seed) const;

  // Writes the soak so far. Returns what went wrong, empty when nothing did.
  std::string save(const report::Record& record) const;
  // Before the first part: that the file cannot be written is to be known before it has run for hours.
  std::string save_start(report::Record record) const;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::optional<FileLock> lock_;
  std::chrono::nanoseconds duration_;
  std::chrono::nanoseconds part_duration_;
  report::Record before_;
  std::optional<std::uint64_t> seed_;
  std::chrono::nanoseconds from_{};
  std::chrono::nanoseconds to_{};
};

}  // namespace soak

#endif  // SOAK_LIB_RUN_CHECKPOINT_H_
