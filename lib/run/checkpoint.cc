// SPDX-License-Identifier: Apache-2.0
#include "lib/run/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "lib/text/format.h"
#include "soak/detail/run_context.h"
#include "soak/error.h"
#include "soak/report/files.h"
#include "soak/report/json.h"
#include "soak/report/read_json.h"
#include "soak/report/summary.h"

namespace soak {
namespace {

using std::chrono::nanoseconds;

// May differ from part to part: it changes nothing that is measured.
constexpr std::string_view kMayDiffer = "heap_profile";

std::string path_of(const std::string& asked, const SoakIdentity& identity) {
  std::error_code error;
  if (asked.back() != '/' && !std::filesystem::is_directory(asked, error)) {
    return asked;
  }
  report::Record named;
  named.name = identity.name;
  named.mode = identity.mode;
  return report::report_path(named, asked, ".checkpoint.json");
}

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw detail::RunRefused(fmt::format("the checkpoint {} {}", path, why));
}

std::optional<FileLock> lock(const std::string& path) {
  try {
    std::optional<FileLock> taken = FileLock::take(path);
    if (!taken) {
      const std::optional<pid_t> holder = FileLock::holder(path);
      refuse(path, fmt::format("is in use by another run{}: wait for it to end, or give this one its own file",
                               holder ? fmt::format(", process {}", *holder) : ""));
    }
    return taken;
  } catch (const Error& error) {
    throw detail::RunRefused(fmt::format("the checkpoint cannot be written: {}: {}", path, error.what()));
  }
}

[[noreturn]] void refuse_difference(const std::string& path, const std::string& what, const std::string& there,
                                    const std::string& here) {
  refuse(path,
         fmt::format("was made with {} {}, but here it is {}: use the same value, or delete the file to start over",
                     what, there, here));
}

const report::Setting* find_setting(const report::Record& record, const std::string& name) {
  const auto found = std::find_if(record.settings.begin(), record.settings.end(),
                                  [&name](const report::Setting& setting) { return setting.name == name; });
  return found == record.settings.end() ? nullptr : &*found;
}

void refuse_another_setting(const std::string& path, const report::Record& before, const report::Setting& here) {
  const report::Setting* const there = find_setting(before, here.name);
  if (here.name != kMayDiffer && there != nullptr && there->value != here.value) {
    refuse_difference(path, here.name, there->value, here.value);
  }
}

void refuse_another_soak(const std::string& path, const report::Record& before, const SoakIdentity& identity) {
  if (before.name != identity.name || before.mode != identity.mode) {
    refuse(path, fmt::format("is for {} (mode {}), but this is {} (mode {}): give each soak its own file, or all of "
                             "them a directory",
                             before.name, before.mode, identity.name, identity.mode));
  }
  if (before.asked != identity.duration) {
    refuse_difference(path, "duration", text::format_duration(before.asked), text::format_duration(identity.duration));
  }
  if (identity.seed && *identity.seed != before.seed) {
    refuse_difference(path, "seed", std::to_string(before.seed), std::to_string(*identity.seed));
  }
  for (const report::Setting& here : identity.settings) {
    refuse_another_setting(path, before, here);
  }
  for (const report::Setting& here : identity.driver_settings) {
    const report::Setting* const there = find_setting(before, here.name);
    if (there == nullptr || there->source != "code" || here.source != "default") {
      refuse_another_setting(path, before, here);
    }
  }
}

}  // namespace

Checkpoint::Checkpoint(const std::string& asked, const SoakIdentity& identity, nanoseconds part_duration)
    : path_(path_of(asked, identity)), lock_(lock(path_)), duration_(identity.duration), part_duration_(part_duration) {
  std::error_code error;
  if (std::filesystem::exists(std::filesystem::symlink_status(path_, error))) {
    report::Record found;
    try {
      found = report::read_json_file(path_);
    } catch (const report::ReadError& unreadable) {
      throw detail::RunRefused(
          fmt::format("the checkpoint cannot be read: {}; delete it to start over", unreadable.what()));
    }
    refuse_another_soak(path_, found, identity);
    if (found.parts_left == 0) {
      refuse(path_, fmt::format("is finished: {} after {} in {}; delete it to start over", report::outcome(found),
                                text::format_duration(found.elapsed), text::format_plural(found.parts.size(), "part")));
    }
    seed_ = found.seed;
    if (!found.parts.empty()) {
      before_ = std::move(found);
      from_ = before_.parts.back().to;
    }
  }
  to_ = std::min(from_ + part_duration_, duration_);
}

void Checkpoint::refuse_unless_same(const report::Setting& setting) const {
  refuse_another_setting(path_, before_, setting);
}

std::uint64_t Checkpoint::cycles_due_before() const {
  std::uint64_t due = 0;
  for (const report::Part& part : before_.parts) {
    due += part.cycles_due;
  }
  return due;
}

std::uint64_t Checkpoint::parts_after(nanoseconds done) const {
  const nanoseconds left = std::max(duration_ - done, nanoseconds{0});
  return static_cast<std::uint64_t>((left + part_duration_ - nanoseconds{1}) / part_duration_);
}

std::uint64_t Checkpoint::part_seed(std::uint64_t seed) const {
  return seed + before_.parts.size() * 0x9e3779b97f4a7c15u;  // The golden ratio: no two parts of two seeds are near.
}

std::string Checkpoint::save(const report::Record& record) const {
  return report::write_file(path_, report::to_json(record));
}

std::string Checkpoint::save_start(report::Record record) const {
  if (!first()) {
    return save(before_);
  }
  record.parts_left = parts_after(nanoseconds{0});
  return save(record);
}

}  // namespace soak
