#include "services/dvb-tuner/satip_session.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_split.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "services/common/base/absl_text.h"
#include "services/common/text/clean_text.h"
#include "services/common/wire/byte_reader.h"

namespace headwater::tuner {
namespace {

// For an answer.
constexpr Duration kPatience = 5s;

std::string_view Option(const Carrier& carrier, std::string_view name) {
  for (size_t i = 0; i + 1 < carrier.options.size(); ++i) {
    if (carrier.options[i] == name) return carrier.options[i + 1];
  }
  return {};
}

void AddFec(const Carrier& carrier, std::string& query) {
  const std::string_view fec = Option(carrier, "-F");
  constexpr std::array<std::string_view, 9> kKnown = {"12", "23", "34", "35", "45",
                                                      "56", "78", "89", "910"};
  if (std::ranges::find(kKnown, fec) != kKnown.end()) query += fmt::format("&fec={}", fec);
}

std::string Satellite(const Carrier& carrier) {
  std::string source(Option(carrier, "-S"));
  if (source.empty() || source == "0" || absl::EqualsIgnoreCase(source, "A")) source = "1";
  if (absl::EqualsIgnoreCase(source, "B")) source = "2";
  const bool second = carrier.system == DeliverySystem::kDvbs2;
  std::string query = fmt::format("src={}&freq={}.{:03}&pol={}&msys={}", source,
                                  carrier.frequency_khz / 1000, carrier.frequency_khz % 1000,
                                  carrier.voltage == 18 ? 'h' : 'v', second ? "dvbs2" : "dvbs");
  uint32_t rate = 27'500'000;
  static_cast<void>(absl::SimpleAtoi(ToAbsl(Option(carrier, "-s")), &rate));
  query += fmt::format("&sr={}", rate / 1000);
  AddFec(carrier, query);
  if (!second) return query;
  const std::string modulation = absl::AsciiStrToUpper(ToAbsl(Option(carrier, "-m")));
  query += modulation == "QPSK" ? "&mtype=qpsk" : "&mtype=8psk";
  const std::string_view rolloff = Option(carrier, "-R");
  if (rolloff == "20" || rolloff == "25" || rolloff == "35") {
    query += fmt::format("&ro=0.{}", rolloff);
  }
  const std::string_view pilot = Option(carrier, "-P");
  if (pilot == "0" || pilot == "1") query += pilot == "1" ? "&plts=on" : "&plts=off";
  if (absl::StrContains(carrier.id, " isi ")) query += fmt::format("&isi={}", carrier.stream);
  return query;
}

std::string Terrestrial(const Carrier& carrier) {
  const bool second = carrier.system == DeliverySystem::kDvbt2;
  std::string_view bandwidth = Option(carrier, "-b");
  if (bandwidth.empty()) bandwidth = "8";
  std::string query =
      fmt::format("freq={}.{:03}&bw={}&msys={}", carrier.frequency_khz / 1000,
                  carrier.frequency_khz % 1000, bandwidth, second ? "dvbt2" : "dvbt");
  if (second) query += fmt::format("&plp={}", carrier.stream);
  return query;
}

std::string Cable(const Carrier& carrier) {
  uint32_t rate = 6'900'000;
  static_cast<void>(absl::SimpleAtoi(ToAbsl(Option(carrier, "-s")), &rate));
  std::string query = fmt::format("freq={}.{:03}&msys=dvbc&sr={}", carrier.frequency_khz / 1000,
                                  carrier.frequency_khz % 1000, rate / 1000);
  const std::string modulation = absl::AsciiStrToUpper(ToAbsl(Option(carrier, "-m")));
  if (absl::StartsWith(modulation, "QAM_") && modulation != "QAM_AUTO") {
    query += fmt::format("&mtype={}qam", modulation.substr(4));
  }
  return query;
}

// Value of a header line, without the space around it; nothing when the line is another.
std::optional<std::string_view> Value(std::string_view line, std::string_view name) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos ||
      !absl::EqualsIgnoreCase(ToAbsl(line.substr(0, colon)), ToAbsl(name))) {
    return std::nullopt;
  }
  return FromAbsl(absl::StripAsciiWhitespace(ToAbsl(line.substr(colon + 1))));
}

std::vector<std::string_view> Lines(std::string_view header) {
  std::vector<std::string_view> lines;
  while (!header.empty()) {
    const size_t end = std::min(header.find("\r\n"), header.size());
    lines.push_back(header.substr(0, end));
    header.remove_prefix(std::min(end + 2, header.size()));
  }
  return lines;
}

// A word of a header that goes back to the server: nothing that could end the line.
bool IsToken(std::string_view text) {
  return !text.empty() && text.size() <= 128 &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

std::optional<Signal> SignalFrom(std::string_view status) {
  const size_t at = status.find("tuner=");
  if (at == std::string_view::npos) return std::nullopt;
  std::vector<absl::string_view> fields =
      absl::StrSplit(ToAbsl(status.substr(at + 6, status.find(';', at) - at - 6)), ',');
  uint32_t level = 0, lock = 0, quality = 0;
  if (fields.size() < 4 || !absl::SimpleAtoi(fields[1], &level) ||
      !absl::SimpleAtoi(fields[2], &lock) || !absl::SimpleAtoi(fields[3], &quality)) {
    return std::nullopt;
  }
  return Signal{.locked = lock == 1,
                .strength_ratio = std::min(level, 255u) / 255.0,
                .snr_ratio = std::min(quality, 15u) / 15.0};
}

}  // namespace

std::optional<std::string> SatipQuery(const Carrier& carrier, int frontend) {
  std::string query;
  switch (carrier.system) {
    case DeliverySystem::kDvbs:
    case DeliverySystem::kDvbs2:
      query = Satellite(carrier);
      break;
    case DeliverySystem::kDvbt:
    case DeliverySystem::kDvbt2:
      query = Terrestrial(carrier);
      break;
    case DeliverySystem::kDvbc:
      query = Cable(carrier);
      break;
    default:
      return std::nullopt;
  }
  if (frontend > 0) query += fmt::format("&fe={}", frontend);
  return query + "&pids=all";
}

std::optional<Signal> ParseSatipStatus(Bytes rtcp) {
  constexpr uint8_t kApplication = 204;
  while (rtcp.size() >= 4) {
    ByteReader reader(rtcp);
    reader.Skip(1);
    const uint8_t type = reader.U8();
    const size_t size = (reader.U16() + size_t{1}) * 4;
    if (size > rtcp.size()) return std::nullopt;
    ByteReader body(rtcp.subspan(4, size - 4));
    rtcp = rtcp.subspan(size);
    if (type != kApplication) continue;
    body.Skip(4);  // SSRC
    if (AsText(body.Take(4)) != "SES1") continue;
    body.Skip(2);  // identifier
    const Bytes text = body.Take(body.U16());
    if (body.ok()) return SignalFrom(AsText(text));
  }
  return std::nullopt;
}

std::string SatipSession::StreamUrl() const {
  return fmt::format("rtsp://{}/stream={}", authority_, stream_);
}

std::string SatipSession::Request(std::string_view method, const std::string& url,
                                  std::string_view headers) {
  std::string text = fmt::format("{} {} RTSP/1.0\r\nCSeq: {}\r\n", method, url, ++sequence_);
  if (!session_.empty()) text += fmt::format("Session: {}\r\n", session_);
  asked_ = true;
  return text + std::string(headers) + "\r\n";
}

std::string SatipSession::Begin(MonoTime now) {
  state_ = State::kSetup;
  deadline_ = now + kPatience;
  return Request(
      "SETUP", fmt::format("rtsp://{}/?{}", authority_, query_),
      fmt::format("Transport: RTP/AVP;unicast;client_port={}-{}\r\n", rtp_port_, rtp_port_ + 1));
}

std::string SatipSession::End() {
  if (state_ != State::kPlay && state_ != State::kPlaying) return {};
  return Request("TEARDOWN", StreamUrl(), "");
}

void SatipSession::Fail(std::string error) {
  state_ = State::kFailed;
  deadline_ = kNever;
  error_ = "SAT>IP server " + authority_ + ": " + std::move(error);
}

std::string SatipSession::OnBytes(Bytes bytes, MonoTime now) {
  std::string out;
  held_ += AsText(bytes);
  while (state_ != State::kFailed) {
    const size_t end = held_.find("\r\n\r\n");
    if (end == std::string::npos) {
      if (held_.size() > kHeaderMax) Fail("its answer has no end");
      break;
    }
    const std::string header = held_.substr(0, end);
    size_t body = 0;
    for (const std::string_view line : Lines(header)) {
      const auto length = Value(line, "Content-Length");
      if (length && !absl::SimpleAtoi(ToAbsl(*length), &body)) body = kHeaderMax + 1;
    }
    if (body > kHeaderMax) {
      Fail("its answer is too long");
      break;
    }
    if (held_.size() < end + 4 + body) break;
    held_.erase(0, end + 4 + body);
    out += OnResponse(header, now);
  }
  return out;
}

std::string SatipSession::OnResponse(std::string_view header, MonoTime now) {
  const std::vector<std::string_view> lines = Lines(header);
  if (lines.empty() || !lines[0].starts_with("RTSP/1.0 ")) return {};
  asked_ = false;
  const std::string_view status = lines[0].substr(9);
  if (!status.starts_with("200")) {
    Fail(CleanText(status, 100));
    return {};
  }
  if (state_ == State::kPlay || state_ == State::kPlaying) {
    state_ = State::kPlaying;
    deadline_ = now + timeout_ / 2;
    return {};
  }
  if (state_ != State::kSetup) return {};
  for (const std::string_view line : lines) {
    if (const auto stream = Value(line, "com.ses.streamID")) stream_ = *stream;
    if (const auto session = Value(line, "Session")) {
      const size_t end = std::min(session->find(';'), session->size());
      session_ = session->substr(0, end);
      const size_t timeout = session->find("timeout=");
      int seconds = 0;
      if (timeout != std::string_view::npos &&
          absl::SimpleAtoi(ToAbsl(session->substr(timeout + 8)), &seconds)) {
        timeout_ = std::chrono::seconds(std::clamp(seconds, 2, 600));
      }
    }
  }
  if (!IsToken(session_) || !IsToken(stream_)) {
    Fail("SETUP without session or stream");
    return {};
  }
  state_ = State::kPlay;
  deadline_ = now + kPatience;
  return Request("PLAY", StreamUrl(), "");
}

std::string SatipSession::OnTime(MonoTime now) {
  if (now < deadline_) return {};
  if (asked_ || state_ != State::kPlaying) {
    Fail("no answer");
    return {};
  }
  deadline_ = now + kPatience;
  return Request("OPTIONS", StreamUrl(), "");
}

}  // namespace headwater::tuner
