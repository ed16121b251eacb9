#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/statusor.h>
#include <google/protobuf/timestamp.pb.h>

#include <optional>
#include <string>

#include "headwater/directory/v1/directory.pb.h"
#include "headwater/types/v1/types.pb.h"
#include "services/directory-resolver/directory.h"
#include "services/directory-resolver/feed/feed_refresh.h"
#include "services/directory-resolver/station.h"

namespace headwater::directory_resolver {

types::v1::MediaFormat ToProto(const KnownFormat& known);
KnownFormat KnownFormatFromProto(const types::v1::MediaFormat& proto);
// `known` may be null.
types::v1::Station ToProto(const Station& station, const KnownFormat* known);
// What a person asks to add.
Station StationFromProto(const types::v1::Station& proto);
absl::StatusOr<StationQuery::Set> SetFromProto(directory::v1::StationSet set);
// All but the station itself.
directory::v1::StationRecord ToProto(const StationRecord& record);
// A directory without what is fetched for it.
directory::v1::DirectoryStatus ToProto(const DirectoryOptions& options,
                                       const DirectoryCounts& counts);
void FeedToProto(const FeedState& state, directory::v1::DirectoryStatus& out);
directory::v1::ChangeCounts ToProto(const FeedChangeCounts& counts);
// At most `count` changes, and all of them counted.
void FillDiff(const FeedDiff& diff, size_t count, directory::v1::DiffDirectoryResponse& out,
              absl::FunctionRef<std::optional<uint32_t>(const std::string& identity)> number_of);
google::protobuf::Timestamp TimeToProto(absl::Time time);
// INVALID_ARGUMENT names the field.
absl::StatusOr<ExportQuery> QueryFromProto(const directory::v1::ExportRequest& request);

}  // namespace headwater::directory_resolver
