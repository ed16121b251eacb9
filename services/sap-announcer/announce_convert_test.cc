#include "services/sap-announcer/announce_convert.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "services/common/base/absl_text.h"

namespace headwater {
namespace {

using ::testing::HasSubstr;

constexpr char kProto[] = R"(
  channel { group: "ff3e::8000:1" source: "2001:db8::1" }
  number: 2147483649
  links { link: "lan" joins_total: 3 }
  links { link: "vlan20" joins_total: 1 }
  format {
    encoding: "mpeg4-generic" payload_type: 96 clock_rate: 44100 channels: 2 fmtp: "mode=AAC-hbr"
    bits_per_second: 64000 description: "AAC 64 kb/s"
  }
  info { name: "Nine" title: "A - B" url: "http://a/" began { seconds: 1700000000 } }
  hop_limit: 64
  origin { id: 5 version: 7 past_versions: 6 past_versions: 5 }
)";

announce::v1::Announcement Proto() {
  announce::v1::Announcement proto;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(kProto, &proto));
  return proto;
}

TEST(AnnounceConvertTest, RoundTrips) {
  const auto announcement = AnnouncementFromProto(Proto());
  ASSERT_TRUE(announcement.ok()) << announcement.status();
  EXPECT_EQ(announcement->began_ntp, 3'908'988'800u);
  EXPECT_EQ(ToProto(*announcement).DebugString(), Proto().DebugString());
}

TEST(AnnounceConvertTest, NamesTheFieldThatIsWrong) {
  const auto error = [](auto&& change) {
    announce::v1::Announcement proto = Proto();
    change(proto);
    return std::string(FromAbsl(AnnouncementFromProto(proto).status().message()));
  };
  EXPECT_THAT(error([](auto& p) { p.mutable_channel()->set_group("::1"); }),
              HasSubstr("channel.group"));
  EXPECT_THAT(error([](auto& p) { p.set_hop_limit(0); }), HasSubstr("hop_limit"));
  EXPECT_THAT(error([](auto& p) { p.set_hop_limit(256); }), HasSubstr("hop_limit"));
  EXPECT_THAT(error([](auto& p) { p.mutable_format()->set_payload_type(128); }),
              HasSubstr("format.payload_type"));
  EXPECT_THAT(error([](auto& p) { *p.add_links() = p.links(0); }),
              HasSubstr("links: lan stands twice"));
}

TEST(AnnounceConvertTest, ReadsAnswers) {
  announce::v1::AnswerQuestionRequest proto;
  EXPECT_THAT(std::string(FromAbsl(AnswerFromProto(proto).status().message())),
              HasSubstr("answer: not set"));
  proto.set_not_found("no such station");
  EXPECT_EQ(std::get<RtspServer::NotFound>(*AnswerFromProto(proto)).reason, "no such station");
  proto.set_unavailable("not now");
  EXPECT_EQ(std::get<RtspServer::Unavailable>(*AnswerFromProto(proto)).reason, "not now");
  *proto.mutable_description() = Proto();
  EXPECT_EQ(std::get<Announcement>(*AnswerFromProto(proto)).number, 2147483649u);
  proto.mutable_description()->set_hop_limit(0);
  EXPECT_FALSE(AnswerFromProto(proto).ok());
}

}  // namespace
}  // namespace headwater
