// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_SCHEMA_ARGUMENTS_H_
#define SOAK_LIB_PEERS_SCHEMA_ARGUMENTS_H_

#include <string>
#include <string_view>

#include "lib/peers/ids.h"

namespace soak::peers {

// The arguments that a fake gives a function, a JSON object: valid by `schema`, which declares its parameters, so that
// a client which validates them calls its function. Drawn from `ids`: which of the optional ones there are, and each
// value that the schema leaves open.
//
// `schema` is JSON Schema (json-schema.org, draft 4 to 2020-12), or a Schema of the Gemini API, which is that of
// OpenAPI 3.0 with types in capitals and integers as text. Empty, or without any parameters: "{}". Not understood are
// conditions (if, not, dependentSchemas), patternProperties, $ref into other documents, and patterns that
// text_matching() does not know: what they ask for is left out.
std::string arguments_for(std::string_view schema, Ids& ids);

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_SCHEMA_ARGUMENTS_H_
