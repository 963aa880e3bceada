// SPDX-License-Identifier: Apache-2.0
#include "mesh/memory_storage.h"

#include <algorithm>

namespace mesh {
namespace {

using Key = std::pair<std::string, std::string>;

// What a transaction changed, over what the disk holds.
class Overlay final : public Records {
 public:
  explicit Overlay(const Records& below) : below_(below) {}

  std::optional<std::string> get(std::string_view kind, std::string_view key) const override {
    const auto changed = changes_.find(Key(kind, key));
    return changed == changes_.end() ? below_.get(kind, key) : changed->second;
  }
  void put(std::string_view kind, std::string_view key, std::string_view value) override {
    changes_[Key(kind, key)] = std::string(value);
  }
  void remove(std::string_view kind, std::string_view key) override { changes_[Key(kind, key)] = std::nullopt; }

  std::vector<Record> list(std::string_view kind, std::string_view prefix, std::string_view after,
                           std::size_t limit) const override {
    // As many more from below as were removed here.
    const std::size_t below_limit = limit > SIZE_MAX - changes_.size() ? limit : limit + changes_.size();
    std::map<std::string, std::string> found;
    for (Record& record : below_.list(kind, prefix, after, below_limit)) {
      found.emplace(std::move(record.key), std::move(record.value));
    }
    for (auto change = changes_.lower_bound(Key(kind, std::max(prefix, after)));
         change != changes_.end() && change->first.first == kind; ++change) {
      const std::string& key = change->first.second;
      if (key.compare(0, prefix.size(), prefix) != 0) {
        break;
      }
      if (key <= after) {
        continue;
      }
      if (change->second) {
        found[key] = *change->second;
      } else {
        found.erase(key);
      }
    }
    std::vector<Record> records;
    for (const auto& [key, value] : found) {
      if (records.size() == limit) {
        break;
      }
      records.push_back({key, value});
    }
    return records;
  }

  void apply_to(Records& records) const {
    for (const auto& [key, value] : changes_) {
      if (value) {
        records.put(key.first, key.second, *value);
      } else {
        records.remove(key.first, key.second);
      }
    }
  }

 private:
  const Records& below_;
  std::map<Key, std::optional<std::string>> changes_;
};

}  // namespace

std::optional<std::string> MemoryDisk::get(std::string_view kind, std::string_view key) const {
  const auto found = records_.find(Key(kind, key));
  return found == records_.end() ? std::nullopt : std::optional(found->second);
}

void MemoryDisk::put(std::string_view kind, std::string_view key, std::string_view value) {
  records_[Key(kind, key)] = std::string(value);
}

void MemoryDisk::remove(std::string_view kind, std::string_view key) { records_.erase(Key(kind, key)); }

std::vector<Record> MemoryDisk::list(std::string_view kind, std::string_view prefix, std::string_view after,
                                     std::size_t limit) const {
  std::vector<Record> found;
  for (auto at = records_.lower_bound(Key(kind, std::max(prefix, after)));
       at != records_.end() && found.size() < limit && at->first.first == kind &&
       at->first.second.compare(0, prefix.size(), prefix) == 0;
       ++at) {
    if (at->first.second > after) {
      found.push_back({at->first.second, at->second});
    }
  }
  return found;
}

class MemoryStorage::Writer final : public Commits {
 public:
  explicit Writer(MemoryDisk& disk) : disk_(disk) {}

  void begin() override { group_.emplace(disk_); }

  void run(const std::function<void(Records&)>& work) override {
    Overlay one(*group_);
    work(one);
    one.apply_to(*group_);
  }

  soak::Task<> sync() override {
    co_await soak::sleep_for(disk_.sync_duration);
    const std::optional<StorageFailure> failure = disk_.on_sync ? disk_.on_sync() : std::nullopt;
    if (failure) {
      group_.reset();
      throw StorageError(*failure, "the disk in memory was told to fail");
    }
    group_->apply_to(disk_);
    group_.reset();
  }

  void roll_back() noexcept override { group_.reset(); }

 private:
  MemoryDisk& disk_;
  std::optional<Overlay> group_;
};

MemoryStorage::MemoryStorage(soak::EventLoop& loop, MemoryDisk& disk)
    : disk_(disk), writer_(std::make_unique<Writer>(disk)), commits_(loop, *writer_) {}

MemoryStorage::~MemoryStorage() = default;

soak::Task<> MemoryStorage::commit(const std::function<void(Records&)>& work) { return commits_.commit(work); }

}  // namespace mesh
