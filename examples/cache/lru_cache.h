// SPDX-License-Identifier: Apache-2.0
#ifndef EXAMPLES_CACHE_LRU_CACHE_H_
#define EXAMPLES_CACHE_LRU_CACHE_H_

// A cache that keeps the `capacity` entries used last. Use it on one thread.

#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

class LruCache {
 public:
  // `forget_evicted` false is the bug that the soak test finds: an evicted entry leaves the list and stays in the
  // index.
  explicit LruCache(std::size_t capacity, bool forget_evicted = true)
      : capacity_(capacity), forget_evicted_(forget_evicted) {}

  void put(const std::string& key, std::string value) {
    if (const auto found = index_.find(key); found != index_.end() && found->second != entries_.end()) {
      entries_.erase(found->second);
    }
    entries_.emplace_front(key, std::move(value));
    index_[key] = entries_.begin();
    if (entries_.size() > capacity_) {
      evict();
    }
  }

  // The value, which now counts as used last; empty if the cache does not have the key.
  std::optional<std::string> get(const std::string& key) {
    const auto found = index_.find(key);
    if (found == index_.end() || found->second == entries_.end()) {
      return std::nullopt;
    }
    entries_.splice(entries_.begin(), entries_, found->second);
    return entries_.front().second;
  }

  std::size_t size() const { return entries_.size(); }

 private:
  using Entries = std::list<std::pair<std::string, std::string>>;  // The one used last comes first.

  void evict() {
    const auto found = index_.find(entries_.back().first);
    if (forget_evicted_) {
      index_.erase(found);
    } else {
      found->second = entries_.end();
    }
    entries_.pop_back();
  }

  std::size_t capacity_;
  bool forget_evicted_;
  Entries entries_;
  std::unordered_map<std::string, Entries::iterator> index_;
};

#endif  // EXAMPLES_CACHE_LRU_CACHE_H_
