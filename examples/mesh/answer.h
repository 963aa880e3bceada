// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_ANSWER_H_
#define MESH_ANSWER_H_

// What a write returns to its caller: 201 the first time, 200 with "duplicate" when it is repeated.

#include <string>

#include "mesh/json.h"
#include "mesh/router.h"
#include "soak/net/http.h"

namespace mesh {

struct Answer {
  JsonText body;
  bool created = true;
};

inline soak::net::HttpReply reply_of(Answer answer) {
  if (!answer.created) {
    answer.body.boolean("duplicate", true);
  }
  return json_reply(answer.created ? 201 : 200, answer.body.object());
}

}  // namespace mesh

#endif  // MESH_ANSWER_H_
