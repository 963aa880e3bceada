// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/telegram/responses.h"

#include <fmt/format.h>

#include "lib/json/writer.h"

namespace soak::peers {

net::HttpResponse telegram_ok(std::string_view result) {
  return net::HttpResponse(200, fmt::format(R"({{"ok":true,"result":{}}})", result),
                           {{"Content-Type", "application/json"}});
}

net::HttpResponse telegram_error(int code, std::string_view description, std::string_view parameters) {
  json::Writer json;
  json.object().key("ok").boolean(false).key("error_code").integer(code).key("description").text(description);
  if (!parameters.empty()) {
    json.key("parameters").raw(parameters);
  }
  return net::HttpResponse(code, json.end_object().take(), {{"Content-Type", "application/json"}});
}

}  // namespace soak::peers
