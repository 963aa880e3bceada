// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_RECORDS_H_
#define MESH_RECORDS_H_

// What a node keeps, as a transaction sees it: values by kind and key, in the order of the bytes of their keys. Storage
// (storage.h) runs the transactions and makes them durable.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mesh {

struct Record {
  std::string key;
  std::string value;
};

class Records {
 public:
  virtual ~Records() = default;

  virtual std::optional<std::string> get(std::string_view kind, std::string_view key) const = 0;
  virtual void put(std::string_view kind, std::string_view key, std::string_view value) = 0;
  virtual void remove(std::string_view kind, std::string_view key) = 0;
  // At most `limit` records whose keys begin with `prefix` and come after `after`, in the order of their keys.
  virtual std::vector<Record> list(std::string_view kind, std::string_view prefix, std::string_view after,
                                   std::size_t limit) const = 0;
};

}  // namespace mesh

#endif  // MESH_RECORDS_H_
