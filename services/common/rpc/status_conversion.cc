#include "services/common/rpc/status_conversion.h"

#include <string>

#include "services/common/base/absl_text.h"

namespace headwater {

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return {static_cast<grpc::StatusCode>(status.code()), std::string(FromAbsl(status.message()))};
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return {static_cast<absl::StatusCode>(status.error_code()), ToAbsl(status.error_message())};
}

}  // namespace headwater
