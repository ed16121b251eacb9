#pragma once

#include <absl/status/status.h>
#include <grpcpp/support/status.h>

namespace headwater {

// The canonical codes are the same numbers on both sides; gRPC 1.51 has no public conversion.
grpc::Status ToGrpc(const absl::Status& status);
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace headwater
