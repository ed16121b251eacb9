#pragma once

#include <string>
#include <vector>

#include "headwater/directory/v1/directory.pb.h"
#include "headwater/packager/v1/packager.pb.h"
#include "services/headwaterctl/views.h"

namespace headwater {

// How the catalogue's messages are shown; see views.h. Pure.

Json ToJson(const directory::v1::StationRecord& record);
// A row a line: what, and what it is.
std::vector<Row> ToRows(const directory::v1::StationRecord& record);

Json ToJson(const directory::v1::DirectoryStatus& status);
Row ToRow(const directory::v1::DirectoryStatus& status);
inline const Row kDirectoryHeader = {"DIRECTORY", "KIND", "NUMBERS", "STATIONS", "DISABLED", "GONE",
                                     "STATE",     "LAST", "NEXT",    "URL",      "ERROR"};

Json ToJson(const directory::v1::ChangeCounts& counts);
// "12 added, 3 removed, 40 changed".
std::string CountsText(const directory::v1::ChangeCounts& counts);
Json ToJson(const directory::v1::DiffDirectoryResponse& diff);
Row ToRow(const directory::v1::StationChange& change);
inline const Row kChangeHeader = {"CHANGE", "NUMBER", "TITLE", "WHAT"};

// What a live look at a URL has shown, or why it does not play.
struct Probed {
  std::string url;
  bool ok = false;
  std::string error;
  packager::v1::ProbeResponse answer;
};
Json ToJson(const Probed& probed);
std::vector<Row> ToRows(const Probed& probed);
inline const Row kFactHeader = {"WHAT", "IS"};

}  // namespace headwater
