// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/discord/errors.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "lib/json/writer.h"
#include "lib/peers/json_response.h"

namespace soak::peers {

net::HttpResponse discord_error(int status, int code, std::string_view message, std::string_view errors) {
  json::Writer json;
  json.object().key("message").text(message).key("code").integer(code);
  if (!errors.empty()) {
    json.key("errors").raw(errors);
  }
  return json_response(status, json.end_object().take());
}

net::HttpResponse invalid_form(std::string_view field, std::string_view code, std::string_view message) {
  json::Writer errors;
  std::size_t depth = 0;
  for (std::string_view rest = field; !rest.empty(); ++depth) {
    const std::size_t end = std::min(rest.find('.'), rest.size());
    errors.object().key(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  errors.object().key("_errors").array().object().key("code").text(code).key("message").text(message);
  errors.end_object().end_array().end_object();
  for (; depth > 0; --depth) {
    errors.end_object();
  }
  return discord_error(400, 50035, "Invalid Form Body", errors.take());
}

}  // namespace soak::peers
