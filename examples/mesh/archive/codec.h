// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_ARCHIVE_CODEC_H_
#define MESH_ARCHIVE_CODEC_H_

// What the Archive keeps, as JSON objects: in its records and in its responses.

#include <string>
#include <string_view>

#include "mesh/archive/archive.h"
#include "mesh/json.h"

namespace mesh {

JsonText json_of(const Workspace& workspace);
JsonText json_of(const Item& item);
JsonText json_of(const Memory& memory);
JsonText json_of(const Publication& publication);

// Throw Problem(kInvalid) for what json_of() did not write.
Workspace decode_workspace(std::string_view json);
Item decode_item(std::string_view json);
Memory decode_memory(std::string_view json);
Publication decode_publication(std::string_view json);

}  // namespace mesh

#endif  // MESH_ARCHIVE_CODEC_H_
