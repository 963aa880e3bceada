// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/discord/message_body.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "lib/json/reader.h"
#include "lib/json/writer.h"
#include "lib/peers/discord/errors.h"
#include "lib/text/ascii.h"
#include "lib/text/utf8.h"

namespace soak::peers {
namespace {

constexpr std::size_t kContentMax = 2000;
constexpr std::size_t kEmbedsMax = 10;
constexpr std::size_t kEmbedTextMax = 6000;  // Of all embeds together.
constexpr std::size_t kFieldsMax = 25;
constexpr std::size_t kUsernameMax = 80;
constexpr std::size_t kNonceMax = 25;

using Problem = std::optional<net::HttpResponse>;

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

std::size_t characters(std::string_view text) {
  const std::optional<text::Utf8Length> length = text::utf8_length(text);
  return length ? length->characters : text.size();
}

net::HttpResponse too_long(std::string_view field, std::size_t max) {
  return invalid_form(field, "BASE_TYPE_MAX_LENGTH", fmt::format("Must be {} or fewer in length.", max));
}

// A text in an embed, and its limit.
struct EmbedText {
  std::string_view object;  // That it is in: "footer"; empty for the embed itself.
  std::string_view name;
  std::size_t max;
};
constexpr EmbedText kEmbedTexts[] = {
    {"", "title", 256}, {"", "description", 4096}, {"footer", "text", 2048}, {"author", "name", 256}};
constexpr EmbedText kFieldTexts[] = {{"", "name", 256}, {"", "value", 1024}};
// Without any of these, an embed is not shown.
constexpr std::string_view kEmbedParts[] = {"title",  "description", "fields", "footer",
                                            "author", "image",       "video",  "thumbnail"};

class EmbedReader {
 public:
  // The array of embeds. What is read is in json(), unless there is a problem.
  Problem read(const json::Value& embeds) {
    if (!embeds.IsArray()) {
      return invalid_form("embeds", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType");
    }
    if (embeds.Size() > kEmbedsMax) {
      return too_long("embeds", kEmbedsMax);
    }
    json_.array();
    for (rapidjson::SizeType i = 0; i < embeds.Size(); ++i) {
      if (Problem problem = read_one(embeds[i], fmt::format("embeds.{}", i))) {
        return problem;
      }
    }
    json_.end_array();
    if (total_ > kEmbedTextMax) {
      return invalid_form("embeds", "MAX_EMBED_SIZE_EXCEEDED",
                          fmt::format("Embed size exceeds maximum size of {}", kEmbedTextMax));
    }
    return std::nullopt;
  }
  std::string take() { return json_.take(); }

 private:
  static Problem no_object(const std::string& path) {
    return invalid_form(path, "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType");
  }

  Problem read_one(const json::Value& embed, const std::string& path) {
    if (!embed.IsObject()) {
      return no_object(path);
    }
    for (const EmbedText& text : kEmbedTexts) {
      const json::Value* from = text.object.empty() ? &embed : json::member(embed, text.object);
      if (from == nullptr || from->IsNull()) {
        continue;
      }
      const std::string at = text.object.empty() ? path : fmt::format("{}.{}", path, text.object);
      if (Problem problem = read_text(*from, at, text, false)) {
        return problem;
      }
    }
    if (const json::Value* const fields = json::member(embed, "fields"); fields != nullptr && !fields->IsNull()) {
      if (Problem problem = read_fields(*fields, path + ".fields")) {
        return problem;
      }
    }
    if (std::none_of(std::begin(kEmbedParts), std::end(kEmbedParts),
                     [&](std::string_view part) { return json::member(embed, part) != nullptr; })) {
      return std::nullopt;  // Left out: it has nothing to show.
    }
    json_.object().key("type").text("rich");
    for (const auto& member : embed.GetObject()) {
      if (json::view(member.name) != "type" && !member.value.IsNull()) {
        json_.key(json::view(member.name)).value(member.value);
      }
    }
    json_.end_object();
    return std::nullopt;
  }

  Problem read_fields(const json::Value& fields, const std::string& path) {
    if (!fields.IsArray()) {
      return invalid_form(path, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType");
    }
    if (fields.Size() > kFieldsMax) {
      return too_long(path, kFieldsMax);
    }
    for (rapidjson::SizeType i = 0; i < fields.Size(); ++i) {
      for (const EmbedText& text : kFieldTexts) {
        if (Problem problem = read_text(fields[i], fmt::format("{}.{}", path, i), text, true)) {
          return problem;
        }
      }
    }
    return std::nullopt;
  }

  Problem read_text(const json::Value& from, const std::string& path, const EmbedText& text, bool is_required) {
    if (!from.IsObject()) {
      return no_object(path);
    }
    const std::string at = fmt::format("{}.{}", path, text.name);
    const json::Value* const value = json::member(from, text.name);
    if (value == nullptr || value->IsNull() || (is_required && value->IsString() && value->GetStringLength() == 0)) {
      return is_required ? Problem(invalid_form(at, "BASE_TYPE_REQUIRED", "This field is required")) : std::nullopt;
    }
    if (value->IsObject() || value->IsArray()) {
      return invalid_form(at, "STRING_TYPE_CONVERT", "Could not interpret the value as a string.");
    }
    const std::size_t length = value->IsString() ? characters(json::view(*value)) : 1;
    total_ += length;
    return length > text.max ? Problem(too_long(at, text.max)) : std::nullopt;
  }

  json::Writer json_;
  std::size_t total_ = 0;
};

// A reply, of which the fake plays the type 0: a forward has no text of its own.
Problem read_reference(JsonParser& parser, const Argument& reference, DiscordBody& body) {
  Problem problem =
      invalid_form("message_reference", "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType");
  read_json(parser, reference.value, [&](const json::Value& value) {
    if (!value.IsObject()) {
      return;
    }
    body.replies_to = json::text_member(value, "message_id");
    if (const auto id = json::integer_member(value, "message_id")) {
      body.replies_to = std::to_string(*id);
    }
    const json::Value* const fails = json::member(value, "fail_if_not_exists");
    body.reply_may_dangle = fails != nullptr && fails->IsFalse();
    problem = is_snowflake(body.replies_to)
                  ? std::nullopt
                  : Problem(invalid_form("message_reference.message_id", "NUMBER_TYPE_COERCE",
                                         fmt::format("Value \"{}\" is not snowflake.", excerpt(body.replies_to))));
  });
  return problem;
}

// Calls `look` with the id of each of the attachments that the client lists, and what it says of it.
template <typename Look>
void for_each_attachment(JsonParser& parser, const Arguments& arguments, Look look) {
  const Argument* const listed = arguments.find("attachments");
  if (listed == nullptr) {
    return;
  }
  read_json(parser, listed->value, [&](const json::Value& list) {
    for (rapidjson::SizeType i = 0; list.IsArray() && i < list.Size(); ++i) {
      std::string id(json::text_member(list[i], "id"));
      if (const auto integer = json::integer_member(list[i], "id")) {
        id = std::to_string(*integer);
      }
      look(id, list[i]);
    }
  });
}

}  // namespace

// discord.com/developers/docs/resources/user, "Usernames and Nicknames". The codes are those that users report
// (github.com/qaisjp/go-discord-irc/pull/141, github.com/MinnDevelopment/discord-webhooks/issues/100).
Problem webhook_name_problem(std::string_view field, std::string_view name) {
  if (is_blank(name) || characters(name) > kUsernameMax) {
    return invalid_form(field, "BASE_TYPE_BAD_LENGTH",
                        fmt::format("Must be between 1 and {} in length.", kUsernameMax));
  }
  const std::string lower = text::to_lower(name);
  for (const std::string_view part : {"clyde", "discord"}) {
    if (lower.find(part) != std::string::npos) {
      return invalid_form(field, "USERNAME_INVALID_CONTAINS", fmt::format("Username cannot contain \"{}\"", part));
    }
  }
  for (const std::string_view whole : {"everyone", "here"}) {
    if (lower == whole) {
      return invalid_form(field, "USERNAME_INVALID", fmt::format("Username cannot be \"{}\"", whole));
    }
  }
  return std::nullopt;
}

bool is_snowflake(std::string_view id) {
  return !id.empty() && id.size() <= 20 && id.find_first_not_of("0123456789") == std::string_view::npos;
}

net::HttpResponse empty_message() { return discord_error(400, 50006, "Cannot send an empty message"); }

bool is_empty(const DiscordBody& body) {
  return is_blank(body.content) && body.embeds == "[]" && !body.has_file && !body.has_more;
}

Problem read_body(JsonParser& parser, net::HttpServerRequest& http, Arguments& arguments) {
  const ContentType type = content_type(http.headers);
  const auto invalid_json = [] { return discord_error(400, 50109, "The request body contains invalid JSON."); };
  try {
    switch (type.type) {
      case BodyType::kNone:
      case BodyType::kOther:
        if (http.body.empty()) {
          break;
        }
        return invalid_form("_misc", "CONTENT_TYPE_INVALID",
                            "Expected \"Content-Type\" header to be one of {'application/json', "
                            "'application/x-www-form-urlencoded', 'multipart/form-data'}.");
      case BodyType::kForm:
        arguments.add_form(http.body);
        break;
      case BodyType::kMultipart:
        if (!arguments.add_multipart(http.body, type.boundary)) {
          return invalid_form("_misc", "FORM_TYPE_INVALID", "The multipart body cannot be read.");
        }
        if (const Argument* const json = arguments.find("payload_json")) {
          const std::string payload = json->value;
          arguments.add_json(parser, payload);
        }
        break;
      case BodyType::kJson:
        arguments.add_json(parser, std::move(http.body));
        break;
    }
  } catch (const Refusal&) {
    return invalid_json();
  }
  return arguments.is_utf8() ? std::nullopt : Problem(invalid_json());
}

Problem read_message(JsonParser& parser, const Arguments& arguments, DiscordBody& body) {
  if (const Argument* const content = arguments.find("content")) {
    if (content->kind == Argument::Kind::kObject || content->kind == Argument::Kind::kArray) {
      return invalid_form("content", "STRING_TYPE_CONVERT", "Could not interpret the value as a string.");
    }
    body.content = content->value;
  }
  if (characters(body.content) > kContentMax) {
    return too_long("content", kContentMax);
  }
  if (const Argument* const embeds = arguments.find("embeds")) {
    Problem problem = invalid_form("embeds", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType");
    read_json(parser, embeds->value, [&](const json::Value& value) {
      EmbedReader reader;
      problem = reader.read(value);
      if (!problem) {
        body.embeds = reader.take();
      }
    });
    if (problem) {
      return problem;
    }
  }
  if (body.by_webhook) {
    body.username = arguments.text("username");
  }
  if (!body.username.empty()) {
    if (Problem problem = webhook_name_problem("username", body.username)) {
      return problem;
    }
  }
  if (const Argument* const nonce = arguments.find("nonce"); nonce != nullptr && !body.by_webhook) {
    const bool is_integer =
        nonce->kind == Argument::Kind::kNumber && nonce->value.find_first_not_of("-0123456789") == std::string::npos;
    if ((nonce->kind != Argument::Kind::kText && !is_integer) || nonce->value.size() > kNonceMax) {
      return invalid_form("nonce", "NONCE_TYPE_TOO_LONG", "Must be 25 or fewer in length.");
    }
    json::Writer json;
    body.nonce = is_integer ? nonce->value : json.text(nonce->value).take();
    body.enforce_nonce = arguments.truth("enforce_nonce");
  }
  body.tts = arguments.truth("tts");
  if (const Argument* const reference = arguments.find("message_reference"); reference != nullptr && !body.by_webhook) {
    if (Problem problem = read_reference(parser, *reference, body)) {
      return problem;
    }
  }
  const auto files = std::count_if(arguments.begin(), arguments.end(), [](const Argument& a) { return a.is_file; });
  if (static_cast<std::size_t>(files) > kAttachmentsMax) {
    return too_many_attachments();
  }
  body.has_file = files > 0;
  body.has_more = arguments.contains("poll") || arguments.contains("components") || arguments.contains("sticker_ids");
  return std::nullopt;
}

net::HttpResponse too_many_attachments() { return too_long("attachments", kAttachmentsMax); }

std::vector<DiscordMessage::Attachment> attachments(JsonParser& parser, const Arguments& arguments,
                                                    const std::string& url,
                                                    const std::function<std::string()>& next_id) {
  std::vector<DiscordMessage::Attachment> all;
  for (const Argument& file : arguments) {
    if (!file.is_file) {
      continue;
    }
    const std::string id = next_id();
    std::string description;
    for_each_attachment(parser, arguments, [&](std::string_view number, const json::Value& about) {
      if (file.name == fmt::format("files[{}]", number)) {  // "files[2]" is described by the one with the id 2.
        description = json::text_member(about, "description");
      }
    });
    const std::string at = fmt::format("{}/{}/{}", url, id, file.file_name);
    json::Writer json;
    json.object().key("id").text(id).key("filename").text(file.file_name).key("size").integer(file.value.size());
    if (!description.empty()) {
      json.key("description").text(description);
    }
    if (!file.file_type.empty()) {
      json.key("content_type").text(file.file_type);
    }
    json.key("url").text(at).key("proxy_url").text(at).end_object();
    all.push_back({id, json.take()});
  }
  return all;
}

bool keeps_attachment(JsonParser& parser, const Arguments& arguments, std::string_view id) {
  bool keeps = !arguments.contains("attachments") && !arguments.is_null("attachments");
  for_each_attachment(parser, arguments,
                      [&](std::string_view listed, const json::Value&) { keeps = keeps || listed == id; });
  return keeps;
}

}  // namespace soak::peers
