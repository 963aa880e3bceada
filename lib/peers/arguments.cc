// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/arguments.h"

#include <algorithm>
#include <utility>

#include "lib/json/writer.h"
#include "lib/text/ascii.h"
#include "lib/text/percent.h"
#include "lib/text/utf8.h"

namespace soak::peers {
namespace {

std::string_view unquoted(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    return text.substr(1, text.size() - 2);
  }
  return text;
}

// The parameter `name` of a header such as `form-data; name="a"`; empty if absent.
std::string_view parameter(std::string_view header, std::string_view name) {
  while (!header.empty()) {
    const std::size_t end = header.find(';');
    const std::string_view part = text::trim(header.substr(0, end), text::kWhiteSpace);
    header = end == std::string_view::npos ? std::string_view() : header.substr(end + 1);
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos || text::to_lower(part.substr(0, equals)) != name) {
      continue;
    }
    return unquoted(part.substr(equals + 1));
  }
  return {};
}

Argument::Kind kind_of_json(const Value& value) {
  if (value.IsString()) {
    return Argument::Kind::kText;
  }
  if (value.IsNumber()) {
    return Argument::Kind::kNumber;
  }
  if (value.IsBool()) {
    return Argument::Kind::kBoolean;
  }
  return value.IsArray() ? Argument::Kind::kArray : Argument::Kind::kObject;
}

}  // namespace

ContentType content_type(const net::Headers& headers) {
  const std::string header = headers.get("content-type");
  ContentType result;
  const std::string type =
      text::to_lower(text::trim(std::string_view(header).substr(0, header.find(';')), text::kWhiteSpace));
  if (type.empty()) {
    return result;
  }
  result.charset = text::to_lower(parameter(header, "charset"));
  if (type == "application/json") {
    result.type = BodyType::kJson;
  } else if (type == "application/x-www-form-urlencoded") {
    result.type = BodyType::kForm;
  } else if (type == "multipart/form-data") {
    result.type = BodyType::kMultipart;
    result.boundary = parameter(header, "boundary");
  } else {
    result.type = BodyType::kOther;
  }
  return result;
}

std::vector<std::string> path_segments(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    path.remove_prefix(1);  // The slash.
    const std::size_t end = std::min(path.find('/'), path.size());
    segments.push_back(text::percent_decode(path.substr(0, end)));
    path.remove_prefix(end);
  }
  return segments;
}

void Arguments::add_form(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) {
      continue;
    }
    const std::size_t equals = std::min(pair.find('='), pair.size());
    Argument argument;
    argument.name = text::form_decode(pair.substr(0, equals));
    if (equals < pair.size()) {
      argument.value = text::form_decode(pair.substr(equals + 1));
    }
    arguments_.push_back(std::move(argument));
  }
}

bool Arguments::add_multipart(std::string_view body, std::string_view boundary) {
  if (boundary.empty()) {
    return false;
  }
  const std::string mark = "--" + std::string(boundary);
  std::size_t at = body.find(mark);
  while (at != std::string_view::npos) {
    std::string_view part = body.substr(at + mark.size());
    if (part.starts_with("--")) {
      return true;
    }
    if (!part.starts_with("\r\n")) {
      return false;
    }
    part.remove_prefix(2);
    const std::size_t end = part.find("\r\n" + mark);
    const std::size_t blank = part.find("\r\n\r\n");
    if (end == std::string_view::npos || blank == std::string_view::npos || blank + 4 > end) {
      return false;
    }
    Argument argument;
    std::string_view head = part.substr(0, blank);
    while (!head.empty()) {
      const std::size_t line_end = std::min(head.find("\r\n"), head.size());
      const std::string_view line = head.substr(0, line_end);
      head.remove_prefix(std::min(line_end + 2, head.size()));
      const std::size_t colon = line.find(':');
      const std::string name = text::to_lower(line.substr(0, std::min(colon, line.size())));
      if (name == "content-type") {
        argument.file_type = text::trim(line.substr(colon + 1), text::kWhiteSpace);
      }
      if (name == "content-disposition") {
        argument.name = parameter(line, "name");
        argument.file_name = parameter(line, "filename");
        argument.is_file = !argument.file_name.empty();
      }
    }
    if (argument.name.empty()) {
      return false;
    }
    argument.value = part.substr(blank + 4, end - blank - 4);
    arguments_.push_back(std::move(argument));
    at = body.find(mark, at + mark.size() + 2 + end);
  }
  return false;
}

void Arguments::add_json(JsonParser& parser, std::string text) {
  if (!text::is_utf8(text)) {
    is_utf8_ = false;
    return;
  }
  const Value& object = parser.parse(text);
  for (const auto& member : object.GetObject()) {
    if (member.value.IsNull()) {
      nulls_.emplace_back(view(member.name));
      continue;
    }
    Argument argument;
    argument.name = view(member.name);
    argument.kind = kind_of_json(member.value);
    argument.value =
        member.value.IsString() ? std::string(view(member.value)) : json::Writer().value(member.value).take();
    arguments_.push_back(std::move(argument));
  }
}

bool Argument::is_blank() const {
  switch (kind) {
    case Kind::kText:
      return value.empty() || value == "[]" || value == "{}";  // A form has lists as text.
    case Kind::kNumber:
      return value == "0";
    case Kind::kBoolean:
      return false;  // Of some options "false" changes something.
    case Kind::kObject:
      return value == "{}";
    case Kind::kArray:
      return value == "[]";
  }
  return false;
}

const Argument* Arguments::find(std::string_view name) const {
  const auto found = std::find_if(arguments_.begin(), arguments_.end(),
                                  [&](const Argument& argument) { return argument.name == name; });
  return found == arguments_.end() ? nullptr : &*found;
}

bool Arguments::is_null(std::string_view name) const {
  return std::find(nulls_.begin(), nulls_.end(), name) != nulls_.end();
}

std::string_view Arguments::text(std::string_view name) const {
  const Argument* const argument = find(name);
  return argument == nullptr ? std::string_view() : std::string_view(argument->value);
}

bool Arguments::is_utf8() const {
  return is_utf8_ && std::all_of(arguments_.begin(), arguments_.end(), [](const Argument& argument) {
           return text::is_utf8(argument.name) && (argument.is_file || text::is_utf8(argument.value));
         });
}

bool Arguments::truth(std::string_view name, bool otherwise) const {
  const Argument* const argument = find(name);
  if (argument == nullptr) {
    return otherwise;
  }
  return argument->value == "true" || argument->value == "True" || argument->value == "1";
}

std::optional<std::size_t> array_size(JsonParser& parser, std::string_view json) {
  std::optional<std::size_t> size;
  read_json(parser, json, [&](const Value& value) {
    if (value.IsArray()) {
      size = value.Size();
    }
  });
  return size;
}

bool is_object(JsonParser& parser, std::string_view json) {
  bool object = false;
  read_json(parser, json, [&](const Value& value) { object = value.IsObject(); });
  return object;
}

}  // namespace soak::peers
