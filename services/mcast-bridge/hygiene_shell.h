#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>

#include "services/common/log/logger.h"
#include "services/common/nft/nft_shell.h"
#include "services/mcast-bridge/hygiene.h"

namespace headwater::bridge {

// Looks at this machine, changes it and undoes the changes. What is changed is on disk before it is
// changed. One instance at a time has a journal.
class HygieneShell {
 public:
  // Reads the journal of an instance before; `table` is our own. UNAVAILABLE when another instance
  // has it or it cannot be written. `nft` and `log` outlive this.
  static absl::StatusOr<std::unique_ptr<HygieneShell>> Open(Nft& nft, Logger& log,
                                                            std::string journal_path,
                                                            std::string table);
  ~HygieneShell();

  absl::StatusOr<Facts> Gather(const Interfaces& present, uint32_t mark);
  // Writes it down, then makes it. A table is only written down: its ruleset is the caller's.
  absl::Status Make(const Change& change, uint32_t mark);
  // Undoes all that is in the journal, the newest first; with `keep_table` all but our table. What
  // fails is logged and stays in the journal. Returns how much was undone.
  size_t UndoAll(bool keep_table);
  const Journal& journal() const { return journal_; }

 private:
  HygieneShell(Nft& nft, Logger& log, std::string path, std::string table)
      : nft_(nft), log_(log), path_(std::move(path)), table_(std::move(table)) {}
  absl::Status OpenJournal();
  absl::Status Write(const std::string& text);
  absl::Status Rewrite();
  absl::Status Apply(const Change& change, uint32_t mark);
  absl::Status Undo(const Change& change);
  // The chain as `nft -a` prints it; empty when there is none.
  std::string ListChain(const std::string& chain);

  Nft& nft_;
  Logger& log_;
  const std::string path_;
  const std::string table_;
  int fd_ = -1;
  Journal journal_;
};

}  // namespace headwater::bridge
