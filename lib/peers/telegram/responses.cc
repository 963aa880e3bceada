// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/telegram/responses.h"

#include <fmt/format.h>

#include "lib/json/writer.h"
#include "lib/peers/json_response.h"

namespace soak::peers {

net::HttpResponse telegram_ok(std::string_view result) {
  return json_response(200, fmt::format(R"({{"ok":true,"result":{}}})", result));
}

net::HttpResponse telegram_error(int code, std::string_view description, std::string_view parameters) {
  json::Writer json;
  json.object().key("ok").boolean(false).key("error_code").integer(code).key("description").text(description);
  if (!parameters.empty()) {
    json.key("parameters").raw(parameters);
  }
  return json_response(code, json.end_object().take());
}

}  // namespace soak::peers
