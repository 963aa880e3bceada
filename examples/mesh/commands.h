// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_COMMANDS_H_
#define MESH_COMMANDS_H_

// The subcommands of `mesh`, each in a file of its own. Each takes what follows its name and returns the exit status.
// Throws UsageError for a command line that cannot be.

#include <string>
#include <vector>

namespace mesh {

int directory_command(const std::vector<std::string>& arguments);
int relay_command(const std::vector<std::string>& arguments);
int archive_command(const std::vector<std::string>& arguments);
int worker_command(const std::vector<std::string>& arguments);
int fake_llm_command(const std::vector<std::string>& arguments);
int soak_command(const std::vector<std::string>& arguments);
int edge_command(const std::vector<std::string>& arguments);
int smoke_command(const std::vector<std::string>& arguments);
int stress_command(const std::vector<std::string>& arguments);
int dogfood_command(const std::vector<std::string>& arguments);

}  // namespace mesh

#endif  // MESH_COMMANDS_H_
