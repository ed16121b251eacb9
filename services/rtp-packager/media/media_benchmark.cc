// How many bytes of a station a core frames and puts into payloads: `media_benchmark`.
#include <benchmark/benchmark.h>

#include <fstream>
#include <iterator>
#include <string>

#include "services/rtp-packager/media/framer.h"
#include "services/rtp-packager/media/payloader.h"
#include "services/rtp-packager/rtp/rtp_packet.h"

namespace headwater {
namespace {

// As a socket gives them.
constexpr size_t kChunk = 1448;

std::vector<uint8_t> Load(const char* name) {
  std::ifstream in(std::string("tests/data/media/") + name, std::ios::binary);
  std::vector<uint8_t> once{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  std::vector<uint8_t> bytes;
  while (!once.empty() && bytes.size() < 1'000'000) {
    bytes.insert(bytes.end(), once.begin(), once.end());
  }
  return bytes;
}

// From the source's bytes to RTP packets in a reused buffer: all of the data path but the sockets.
void BM_BytesToPackets(benchmark::State& state, const char* name) {
  const std::vector<uint8_t> bytes = Load(name);
  if (bytes.empty()) return state.SkipWithError("no sample");
  std::vector<uint8_t> packet;
  size_t packets = 0;
  size_t frames = 0;
  for (auto _ : state) {
    const std::unique_ptr<Framer> framer = MakeFramer("");
    std::unique_ptr<Payloader> payloader;
    MediaClock clock(90000, RtpTimestamp(0));
    RtpHeader header;
    for (size_t offset = 0; offset < bytes.size(); offset += kChunk) {
      framer->Push(Bytes(bytes).subspan(offset, std::min(kChunk, bytes.size() - offset)));
      for (FramerStep step = framer->Next(); step != FramerStep::kNeedBytes;
           step = framer->Next()) {
        if (step == FramerStep::kError) return state.SkipWithError(framer->error().c_str());
        if (step == FramerStep::kFormat) {
          payloader = MakePayloader(framer->format().codec);
          continue;
        }
        ++frames;
        payloader->Push(framer->frame(), clock.now());
        clock.Advance(framer->frame().samples, framer->frame().sample_rate);
        while (const RtpPayload* payload = payloader->Next()) {
          packet.clear();
          header.sequence = header.sequence.Next();
          header.timestamp = payload->time.timestamp;
          header.SerializeTo(packet);
          packet.insert(packet.end(), payload->bytes.begin(), payload->bytes.end());
          benchmark::DoNotOptimize(packet.data());
          ++packets;
        }
      }
    }
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * bytes.size()));
  state.counters["packets/s"] =
      benchmark::Counter(static_cast<double>(packets), benchmark::Counter::kIsRate);
  state.counters["frames/s"] =
      benchmark::Counter(static_cast<double>(frames), benchmark::Counter::kIsRate);
}
BENCHMARK_CAPTURE(BM_BytesToPackets, mp3_64k, "mpeg1_layer3_44100_stereo.mp3");
BENCHMARK_CAPTURE(BM_BytesToPackets, mp2_192k, "layer2_48000_stereo.mp2");
BENCHMARK_CAPTURE(BM_BytesToPackets, aac_64k, "aac_44100_stereo.aac");

}  // namespace
}  // namespace headwater

BENCHMARK_MAIN();
