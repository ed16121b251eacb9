#include "services/dvb-tuner/lineup_store_shell.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/util/delimited_message_util.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include "services/common/base/status_macros.h"
#include "services/dvb-tuner/tuner_convert.h"

namespace headwater::tuner {
namespace {

constexpr uintmax_t kBytesMax = 64 << 20;

ServiceType TypeFromProto(v1::ServiceType type) {
  switch (type) {
    case v1::SERVICE_TYPE_TV:
      return ServiceType::kTv;
    case v1::SERVICE_TYPE_RADIO:
      return ServiceType::kRadio;
    case v1::SERVICE_TYPE_DATA:
      return ServiceType::kData;
    default:
      return ServiceType::kUnknown;
  }
}

std::optional<LineupCarrier> FromProto(const v1::Carrier& proto, const Positions& positions) {
  absl::StatusOr<Carrier> carrier = ParseCarrier(proto.command(), positions);
  if (!carrier.ok() || carrier->position != proto.position()) return std::nullopt;
  LineupCarrier entry = {.carrier = *std::move(carrier)};
  entry.carrier.id = proto.id();
  entry.in_file = proto.origin() == v1::CARRIER_ORIGIN_FILE;
  entry.in_network = !entry.in_file;
  if (entry.in_network) entry.network_name = proto.name();
  entry.original_network_id = static_cast<uint16_t>(proto.original_network_id());
  entry.transport_stream_id = static_cast<uint16_t>(proto.transport_stream_id());
  for (const v1::Service& row : proto.services()) {
    const auto id = static_cast<uint16_t>(row.service_id());
    entry.services[id] = {.id = id,
                          .type = TypeFromProto(row.type()),
                          .name = row.name(),
                          .provider = row.provider(),
                          .scrambled = row.scrambled(),
                          .channel_number = static_cast<uint16_t>(row.channel_number())};
  }
  if (proto.has_read()) entry.read = proto.read().seconds();
  return entry;
}

}  // namespace

absl::Status ReplaceFile(const std::string& path, std::string_view text) {
  const std::string fresh = path + ".new";
  const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  bool written = fd >= 0;
  for (std::string_view rest = text; written && !rest.empty();) {
    const ssize_t size = write(fd, rest.data(), rest.size());
    written = size > 0;
    if (written) rest.remove_prefix(static_cast<size_t>(size));
  }
  if (fd >= 0) close(fd);
  if (written && std::rename(fresh.c_str(), path.c_str()) == 0) return absl::OkStatus();
  return absl::UnavailableError(fmt::format("{}: {}", path, std::strerror(errno)));
}

absl::Status SaveLineup(const std::string& path, const Lineup& lineup) {
  std::ostringstream out;
  for (const auto& [id, entry] : lineup.carriers()) {
    google::protobuf::util::SerializeDelimitedToOstream(ToProto(entry), &out);
  }
  return ReplaceFile(path, out.str());
}

absl::Status LoadLineup(const std::string& path, const Positions& positions, Lineup& lineup) {
  std::error_code none;
  const uintmax_t size = std::filesystem::file_size(path, none);
  if (none) return absl::OkStatus();
  if (size > kBytesMax) return absl::DataLossError(path + ": too large for a lineup");
  std::ifstream file(path, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  const std::string text = bytes.str();
  google::protobuf::io::ArrayInputStream input(text.data(), static_cast<int>(text.size()));
  std::vector<LineupCarrier> carriers;
  while (true) {
    v1::Carrier proto;
    bool clean_end = false;
    if (!google::protobuf::util::ParseDelimitedFromZeroCopyStream(&proto, &input, &clean_end)) {
      if (clean_end) break;
      return absl::DataLossError(path + ": not a lineup that was written here");
    }
    if (auto entry = FromProto(proto, positions)) carriers.push_back(*std::move(entry));
  }
  for (LineupCarrier& entry : carriers) lineup.Restore(std::move(entry));
  return absl::OkStatus();
}

}  // namespace headwater::tuner
