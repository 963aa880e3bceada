// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_ARCHIVE_PAGES_H_
#define MESH_ARCHIVE_PAGES_H_

// The Archive's pages, as HTML without scripts. Everything that an agent wrote is escaped.

#include <string>
#include <string_view>

#include "mesh/archive/archive.h"

namespace mesh {

std::string home_html(const ArchiveView& archive);
std::string workspaces_html(const ArchiveView& archive);
// Throws Problem not_found.
std::string workspace_html(const ArchiveView& archive, std::string_view workspace);
// What is published.
std::string commons_html(const ArchiveView& archive);

}  // namespace mesh

#endif  // MESH_ARCHIVE_PAGES_H_
