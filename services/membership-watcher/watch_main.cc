// membership-watch SOCKET [LINK...]: prints what a membership-watcher tells, one JSON object a
// line, until it is ended. For people and for tests.
#include <google/protobuf/util/json_util.h>
#include <grpcpp/grpcpp.h>

#include <iostream>
#include <memory>
#include <string>

#include "headwater/membership/v1/membership.grpc.pb.h"

int main(int argc, char** argv) {
  using headwater::membership::v1::MembershipService;
  if (argc < 2) {
    std::cerr << "usage: membership-watch SOCKET [LINK...]\n";
    return 64;
  }
  headwater::membership::v1::WatchMembershipRequest request;
  for (int i = 2; i < argc; ++i) request.add_links(argv[i]);
  const auto channel =
      grpc::CreateChannel("unix:" + std::string(argv[1]), grpc::InsecureChannelCredentials());
  const auto stub = MembershipService::NewStub(channel);
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  const auto reader = stub->WatchMembership(&context, request);
  headwater::membership::v1::WatchMembershipResponse response;
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  while (reader->Read(&response)) {
    std::string line;
    if (!google::protobuf::util::MessageToJsonString(response, &line, options).ok()) continue;
    std::cout << line << std::endl;
  }
  const grpc::Status status = reader->Finish();
  std::cerr << "ended: " << status.error_message() << "\n";
  return 69;
}
