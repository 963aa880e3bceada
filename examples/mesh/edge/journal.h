// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_EDGE_JOURNAL_H_
#define MESH_EDGE_JOURNAL_H_

// What an edge worker must not forget, as lines that are on disk when append() returns. After a crash the next worker
// reads them and goes on.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/storage.h"
#include "soak/semaphore.h"
#include "soak/task.h"

namespace mesh {

class Journal {
 public:
  virtual ~Journal() = default;

  // The lines that were there at the start, once: a second call returns none.
  virtual std::vector<std::string> take_lines() = 0;
  // Appends one line without a line feed. Calls that overlap are stored in the order in which they were made. Throws
  // StorageError(kFull): nothing of it is stored, and it may be called again. After StorageError(kFailed) nobody knows:
  // end the process, and read the journal again.
  virtual soak::Task<> append(std::string line) = 0;
  // Puts these lines in place of all that are there, all or none of them. Throws StorageError; the journal is then as
  // it was.
  virtual soak::Task<> rewrite(std::vector<std::string> lines) = 0;
  virtual std::uint64_t bytes() const = 0;
};

// In a file: each line with its CRC-32, synced by fdatasync() on the loop's thread pool.
class FileJournal final : public Journal {
 public:
  // Opens the file, or makes it with mode 0600. A last line that a crash has torn is cut off; nobody was told that it
  // is stored. Throws StorageError if the file cannot be opened, another process has it open, or a line before the last
  // one is damaged.
  explicit FileJournal(std::string path);
  ~FileJournal() override;
  FileJournal(const FileJournal&) = delete;
  FileJournal& operator=(const FileJournal&) = delete;

  std::vector<std::string> take_lines() override;
  soak::Task<> append(std::string line) override;
  soak::Task<> rewrite(std::vector<std::string> lines) override;
  std::uint64_t bytes() const override { return bytes_; }

  std::uint64_t cut_off() const { return cut_off_; }  // Bytes of the torn last line.

 private:
  void open_file();
  void read_lines();

  std::string path_;
  int lock_ = -1;
  int file_ = -1;
  std::uint64_t bytes_ = 0;
  std::uint64_t cut_off_ = 0;
  std::vector<std::string> lines_;
  soak::Semaphore turn_{1};
};

}  // namespace mesh

#endif  // MESH_EDGE_JOURNAL_H_
