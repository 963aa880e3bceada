// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_FLAGS_H_
#define MESH_FLAGS_H_

// The command line of a subcommand: "--name value", "--name=value", switches, and what has no dashes.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "soak/error.h"

namespace mesh {

// A command line that cannot be: exit status 2.
class UsageError : public soak::Error {
 public:
  explicit UsageError(const std::string& what) : soak::Error(soak::Errc::kInvalidArgument, what) {}
};

class Flags {
 public:
  // Throws UsageError for a flag that is in neither list, one without its value, and one that is given twice.
  Flags(const std::vector<std::string>& arguments, const std::set<std::string>& with_value,
        const std::set<std::string>& switches = {});

  bool on(const std::string& name) const { return on_.count(name) != 0; }
  std::string text(const std::string& name, std::string_view otherwise = {}) const;
  std::string required(const std::string& name) const;
  std::uint16_t port(const std::string& name, std::uint16_t otherwise = 0) const;
  std::uint64_t number(const std::string& name, std::uint64_t otherwise, std::uint64_t min, std::uint64_t max) const;
  const std::vector<std::string>& positional() const { return positional_; }

 private:
  std::map<std::string, std::string> values_;
  std::set<std::string> on_;
  std::vector<std::string> positional_;
};

}  // namespace mesh

#endif  // MESH_FLAGS_H_
