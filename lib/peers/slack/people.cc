// SPDX-License-Identifier: Apache-2.0
// The methods that tell of the bot, of channels and of users.

#include <algorithm>
#include <utility>

#include "lib/json/writer.h"
#include "lib/net/field_syntax.h"
#include "lib/peers/slack/service.h"
#include "lib/text/ascii.h"
#include "lib/text/base64.h"
#include "lib/text/number.h"

namespace soak::peers {
namespace {

// The cursor of the channel with that number.
std::string cursor_of(std::size_t number) {
  const std::string text = "next:" + std::to_string(number);
  std::string cursor;
  text::append_base64(cursor, std::as_bytes(std::span(text)));
  return cursor;
}

// The first letters of the ids of these types of conversations; empty if one of them is no type.
std::string first_letters(std::string_view types) {
  std::string letters;
  for (const std::string& type : net::split_list(types)) {
    if (type == "public_channel") {
      letters += 'C';
    } else if (type == "private_channel" || type == "mpim") {
      letters += 'G';
    } else if (type == "im") {
      letters += 'D';
    } else {
      return {};
    }
  }
  return letters.empty() ? "C" : letters;
}

}  // namespace

ChannelAnswer SlackService::auth_test(ChannelRequest& request, const Question& /*question*/) {
  return serve_method(request, [](json::Writer& ok) -> Problem {
    ok.key("url").text("https://soak.slack.com/").key("team").text("Soak").key("user").text("soak");
    ok.key("team_id").text("T00000001").key("user_id").text("U00000001").key("bot_id").text("B00000001");
    ok.key("is_enterprise_install").boolean(false);
    return {};
  });
}

ChannelAnswer SlackService::list_conversations(ChannelRequest& request, const Question& question) {
  return serve_method(request, [&](json::Writer& ok) -> Problem {
    constexpr std::size_t kLimitMax = 1000;
    const Arguments& arguments = question.arguments;
    const std::string letters = first_letters(arguments.text("types"));
    if (letters.empty()) {
      return {"invalid_types", {}};
    }
    const std::vector<std::string> all = directory_.listed(letters);
    std::size_t limit = 100;
    if (arguments.contains("limit")) {
      limit = text::parse_number<std::size_t>(arguments.text("limit")).value_or(0);
      if (limit < 1 || limit > kLimitMax) {
        return {"invalid_limit", {}};
      }
    }
    std::size_t from = 0;
    if (const std::string_view cursor = arguments.text("cursor"); !cursor.empty()) {
      while (from < all.size() && cursor_of(from) != cursor) {
        ++from;
      }
      if (from == all.size()) {
        return {"invalid_cursor", {}};
      }
    }
    const std::size_t to = std::min(all.size(), from + limit);
    ok.key("channels").array();
    for (std::size_t i = from; i < to; ++i) {
      directory_.write_channel(ok, all[i]);
    }
    ok.end_array().key("response_metadata").object();
    ok.key("next_cursor").text(to < all.size() ? cursor_of(to) : "").end_object();
    return {};
  });
}

ChannelAnswer SlackService::open_conversation(ChannelRequest& request, const Question& question) {
  return serve_method(request, [&](json::Writer& ok) -> Problem {
    constexpr std::size_t kUsersMax = 8;
    std::string id(question.arguments.text("channel"));
    if (id.empty()) {
      const std::vector<std::string> users = net::split_list(question.arguments.text("users"));
      if (users.empty()) {
        return {"users_list_not_supplied", {}};
      }
      if (users.size() > kUsersMax) {
        return {"too_many_users", {}};
      }
      if (!std::all_of(users.begin(), users.end(),
                       [](const std::string& user) { return SlackDirectory::is_user_id(user); })) {
        return {"user_not_found", {}};
      }
      id = SlackDirectory::conversation_of(users);
    } else if (directory_.channel_id(id) != id) {
      return {"channel_not_found", {}};
    }
    ok.key("channel");
    if (question.arguments.truth("return_im")) {
      directory_.write_channel(ok, id);
    } else {
      ok.object().key("id").text(id).end_object();
    }
    return {};
  });
}

ChannelAnswer SlackService::conversation_info(ChannelRequest& request, const Question& question) {
  return serve_method(request, [&](json::Writer& ok) -> Problem {
    const std::string id(question.arguments.text("channel"));
    if (id.empty() || directory_.channel_id(id) != id) {
      return {"channel_not_found", {}};
    }
    ok.key("channel");
    directory_.write_channel(ok, id);
    return {};
  });
}

ChannelAnswer SlackService::user_info(ChannelRequest& request, const Question& question) {
  return serve_method(request, [&](json::Writer& ok) -> Problem {
    const std::string id(question.arguments.text("user"));
    if (!SlackDirectory::is_user_id(id)) {
      return {"user_not_found", {}};
    }
    const std::string name = text::to_lower(id);
    ok.key("user").object().key("id").text(id).key("team_id").text("T00000001").key("name").text(name);
    ok.key("deleted").boolean(false).key("real_name").text("User " + id).key("tz").text("Etc/UTC");
    ok.key("tz_label").text("Coordinated Universal Time").key("tz_offset").integer(0).key("profile").object();
    ok.key("real_name").text("User " + id).key("display_name").text(name).key("team").text("T00000001").end_object();
    ok.key("is_admin").boolean(false).key("is_owner").boolean(false).key("is_restricted").boolean(false);
    ok.key("is_ultra_restricted").boolean(false).key("is_bot").boolean(id == "U00000001");
    ok.key("is_app_user").boolean(false).key("updated").integer(1'700'000'000).end_object();
    return {};
  });
}

}  // namespace soak::peers
