// SPDX-License-Identifier: Apache-2.0
#include "soak/report/json.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

namespace soak::report {
namespace {

using Writer = rapidjson::PrettyWriter<rapidjson::StringBuffer>;

double seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

void field(Writer& json, const char* key, const std::string& value) {
  json.Key(key);
  json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void field(Writer& json, const char* key, std::uint64_t value) {
  json.Key(key);
  json.Uint64(value);
}

void field(Writer& json, const char* key, double value) {
  json.Key(key);
  json.Double(value);
}

void field(Writer& json, const char* key, bool value) {
  json.Key(key);
  json.Bool(value);
}

void field(Writer& json, const char* key, const std::vector<std::string>& values) {
  json.Key(key);
  json.StartArray();
  for (const std::string& value : values) {
    json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  }
  json.EndArray();
}

void write_points(Writer& json, const char* key, const probe::Series& series) {
  json.Key(key);
  json.StartArray();
  json.SetFormatOptions(rapidjson::kFormatSingleLineArray);
  for (const probe::Point& point : series.points()) {
    json.StartArray();
    json.Double(seconds(point.at));
    json.Uint64(point.cycle);
    json.Int64(point.value);
    json.EndArray();
  }
  json.EndArray();
  json.SetFormatOptions(rapidjson::kFormatDefault);
}

void write_verdict(Writer& json, const probe::Verdict& verdict) {
  json.Key("verdict");
  json.StartObject();
  field(json, "passed", verdict.passed());
  json.Key("findings");
  json.StartArray();
  for (const probe::Finding& finding : verdict.findings) {
    json.StartObject();
    field(json, "subject", finding.subject);
    field(json, "text", finding.text);
    json.Key("evidence");
    json.StartArray();
    for (const probe::Evidence& evidence : finding.evidence) {
      json.StartObject();
      field(json, "label", evidence.label);
      field(json, "text", evidence.text);
      json.EndObject();
    }
    json.EndArray();
    json.EndObject();
  }
  json.EndArray();
  field(json, "remarks", verdict.remarks);
  json.EndObject();
}

void write_counts(Writer& json, const Record& record) {
  json.Key("counters");
  json.StartObject();
  for (const Counter& counter : record.counters) {
    field(json, counter.name.c_str(), counter.value);
  }
  json.EndObject();
  json.Key("traffic");
  json.StartArray();
  for (const Traffic& traffic : record.traffic) {
    json.StartObject();
    field(json, "counter", traffic.counter);
    for (const auto& [key, thirds] :
         {std::pair{"due_by_third", &traffic.due}, std::pair{"met_by_third", &traffic.met}}) {
      json.Key(key);
      json.StartArray();
      for (const std::uint64_t count : *thirds) {
        json.Uint64(count);
      }
      json.EndArray();
    }
    json.EndObject();
  }
  json.EndArray();
}

void write_settings(Writer& json, const Record& record) {
  json.Key("settings");
  json.StartArray();
  for (const Setting& setting : record.settings) {
    json.StartObject();
    field(json, "name", setting.name);
    field(json, "value", setting.value);
    field(json, "source", setting.source);
    json.EndObject();
  }
  json.EndArray();
}

void write_series(Writer& json, const probe::Measurements& measured) {
  field(json, "quiescent_points", measured.quiescent_points);
  field(json, "unsettled_points", measured.unsettled_points);
  json.Key("series");
  json.StartArray();
  for (const probe::Track& track : measured.tracks) {
    json.StartObject();
    field(json, "name", track.name);
    field(json, "unit", std::string(track.unit == probe::Unit::kBytes ? "bytes" : "count"));
    field(json, "available", track.unavailable.empty());
    if (!track.unavailable.empty()) {
      field(json, "unavailable", track.unavailable);
    }
    write_points(json, "timeline", track.timeline);
    write_points(json, "at_rest", track.at_rest);
    json.EndObject();
  }
  json.EndArray();
}

}  // namespace

std::string to_json(const Record& record) {
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.SetIndent(' ', 1);
  json.StartObject();
  field(json, "schema", std::string("soak.report"));
  field(json, "version", std::uint64_t{1});
  field(json, "name", record.name);
  field(json, "title", record.title);
  field(json, "mode", record.mode);
  field(json, "clock", std::string(record.virtual_clock ? "virtual" : "real"));
  field(json, "interrupted", record.interrupted);
  field(json, "started", fmt::format("{:%FT%TZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(record.started))));
  field(json, "asked_s", seconds(record.asked));
  field(json, "elapsed_s", seconds(record.elapsed));
  field(json, "seed", record.seed);
  field(json, "cycle_noun", record.cycle_noun);
  field(json, "cycles", record.cycles);
  field(json, "failed_cycles", record.failed_cycles);
  field(json, "failures", record.failures);
  write_counts(json, record);
  write_verdict(json, record.verdict);
  field(json, "rerun", record.rerun);
  write_settings(json, record);
  write_series(json, record.measured);
  json.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

std::string json_path(const Record& record, const std::string& directory) {
  std::string file = record.name;
  for (char& c : file) {
    if (c == '/' || c == ' ') {
      c = '-';
    }
  }
  if (record.mode != "real") {
    file += "-" + record.mode;
  }
  return (std::filesystem::path(directory) / (file + ".json")).string();
}

std::string write_file(const std::string& path, const std::string& text) {
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (!directory.empty() && !std::filesystem::create_directories(directory, error) && error) {
    return fmt::format("{}: cannot make the directory {}: {}", path, directory.string(), error.message());
  }
  const std::string temporary = fmt::format("{}.{}.tmp", path, ::getpid());
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(temporary.c_str(), "w"), &std::fclose);
  if (file == nullptr) {
    return fmt::format("{}: {}", path, std::strerror(errno));
  }
  const bool written = std::fwrite(text.data(), 1, text.size(), file.get()) == text.size();
  const bool closed = std::fclose(file.release()) == 0;
  if (!written || !closed || std::rename(temporary.c_str(), path.c_str()) != 0) {
    const std::string why = std::strerror(errno);
    std::remove(temporary.c_str());
    return fmt::format("{}: {}", path, why);
  }
  return {};
}

}  // namespace soak::report
