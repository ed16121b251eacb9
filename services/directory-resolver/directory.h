#pragma once

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "services/common/plan/number_plan.h"
#include "services/directory-resolver/catalogue.h"
#include "services/directory-resolver/export.h"
#include "services/directory-resolver/number_book.h"
#include "services/directory-resolver/options.h"

namespace headwater::directory_resolver {

// A known format and when it was first seen so: the version of an exported SDP.
struct StoredFormat {
  KnownFormat known;
  absl::Time since;
};

// What an export is asked for, beyond the players' choice.
struct ExportQuery {
  enum class Format { kM3u, kXspf, kSdp };
  Format format = Format::kM3u;
  // One station; nothing means all of the directory.
  std::optional<uint32_t> number;
  // Empty: every directory.
  std::string directory;
  ExportChoice choice;
};

// The number plan and the stations now in force, and what plays have shown of them. Not
// thread-safe.
class Directory {
 public:
  // Writes what a load has assigned; a failure refuses the load.
  using SaveNumbers = std::function<absl::Status(const std::vector<NumberRecord>&)>;

  // What was stored before.
  Directory(std::vector<NumberRecord> numbers, std::map<uint32_t, StoredFormat> formats);

  // Takes new options and lineups, all or nothing: on an error everything stays as it was.
  absl::Status Load(const Options& options, const std::vector<DirectoryLineup>& lineups,
                    const SaveNumbers& save);

  // NOT_FOUND names the number and the directory that should hold it.
  absl::StatusOr<const Station*> Resolve(uint32_t number) const;
  const KnownFormat* FormatOf(uint32_t number) const;
  // Keeps the format that a play has shown. Nothing: it is known already. NOT_FOUND: no such
  // station. INVALID_ARGUMENT: not a format.
  absl::StatusOr<std::optional<StoredFormat>> LearnFormat(uint32_t number, const KnownFormat& known,
                                                          absl::Time now);

  // NOT_FOUND: no such station or directory. FAILED_PRECONDITION and INVALID_ARGUMENT as WriteSdp,
  // and for a single station that the player has no URL for.
  absl::StatusOr<std::string> Export(const ExportQuery& query) const;

  const NumberPlan& plan() const { return plan_; }
  // Rises whenever the plan changes.
  uint64_t plan_revision() const { return plan_revision_; }
  const Catalogue& catalogue() const { return catalogue_; }
  size_t numbers() const { return book_.size(); }
  size_t formats() const { return formats_.size(); }
  // The plan's warnings and the stations whose number it now gives to another directory.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  ExportedStation Exported(const Station& station) const {
    return {&station, FormatOf(station.number)};
  }

  NumberBook book_;
  std::map<uint32_t, StoredFormat> formats_;
  NumberPlan plan_;
  uint64_t plan_revision_ = 0;
  Catalogue catalogue_;
  std::vector<std::string> warnings_;
};

}  // namespace headwater::directory_resolver
