// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/openai/json.h"

namespace soak::peers::openai {

void begin_error(json::Writer& json, const Refusal& refusal) {
  json.object().key("type").text("invalid_request_error");
  json.key("code").text_or_null(refusal.code);
  json.key("message").text(refusal.message);
  json.key("param").text_or_null(refusal.param);
}

}  // namespace soak::peers::openai
