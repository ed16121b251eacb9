#pragma once

#include <absl/status/statusor.h>

#include "headwater/directory/v1/directory.pb.h"
#include "headwater/types/v1/types.pb.h"
#include "services/directory-resolver/directory.h"
#include "services/directory-resolver/station.h"

namespace headwater::directory_resolver {

types::v1::MediaFormat ToProto(const KnownFormat& known);
KnownFormat KnownFormatFromProto(const types::v1::MediaFormat& proto);
// `known` may be null.
types::v1::Station ToProto(const Station& station, const KnownFormat* known);
// INVALID_ARGUMENT names the field.
absl::StatusOr<ExportQuery> QueryFromProto(const directory::v1::ExportRequest& request);

}  // namespace headwater::directory_resolver
