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
  const auto print = [&options](const headwater::membership::v1::WatchMembershipResponse& event) {
    std::string line;
    if (!google::protobuf::util::MessageToJsonString(event, &line, options).ok()) return;
    std::cout << line << std::endl;
  };
  while (reader->Read(&response)) {
    if (!response.has_groups()) {
      print(response);
      continue;
    }
    // A chunk of the snapshot: each group is a line of its own.
    headwater::membership::v1::WatchMembershipResponse single;
    single.set_revision(response.revision());
    for (auto& group : *response.mutable_groups()->mutable_groups()) {
      single.mutable_group()->Swap(&group);
      print(single);
    }
  }
  const grpc::Status status = reader->Finish();
  std::cerr << "ended: " << status.error_message() << "\n";
  return 69;
}
