#include "services/rtp-packager/transcode/transcode_job.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "services/common/base/status_macros.h"
#include "services/rtp-packager/transcode/media_reader.h"

namespace headwater::packager {

void TranscodeJob::Run() {
  absl::Status status;
  switch (channel_.Take(input_)) {
    case TranscodeChannel::Taken::kInput:
      status = input_.format ? RunFrames() : RunStream();
      break;
    case TranscodeChannel::Taken::kEnd:
      break;
    case TranscodeChannel::Taken::kStopped:
      return;
  }
  if (channel_.stopped()) return;
  failed_ = !status.ok();
  channel_.Give(TranscodeEnd{std::string(status.message())});
}

int TranscodeJob::Read(uint8_t* to, int size) {
  while (input_read_ == input_.bytes.size()) {
    input_read_ = 0;
    input_.bytes.clear();
    switch (channel_.Take(input_)) {
      case TranscodeChannel::Taken::kInput:
        break;
      case TranscodeChannel::Taken::kEnd:
        return 0;
      case TranscodeChannel::Taken::kStopped:
        return -1;
    }
  }
  const size_t count = std::min(input_.bytes.size() - input_read_, static_cast<size_t>(size));
  std::copy_n(input_.bytes.begin() + static_cast<ptrdiff_t>(input_read_), count, to);
  input_read_ += count;
  return static_cast<int>(count);
}

absl::Status TranscodeJob::RunStream() {
  MediaReader reader([this](uint8_t* to, int size) { return Read(to, size); },
                     [this] { return channel_.stopped(); });
  RETURN_IF_ERROR(reader.Open());
  const AllowedDecoder* open = nullptr;
  int stream = -1;
  while (true) {
    ASSIGN_OR_RETURN(const AVPacket* packet, reader.Next());
    if (packet == nullptr) return Flush();
    if (open != &reader.decoder() || stream != packet->stream_index) {
      if (decoder_.open()) RETURN_IF_ERROR(Decode(nullptr));
      RETURN_IF_ERROR(decoder_.Open(reader.decoder(), reader.parameters()));
      open = &reader.decoder();
      stream = packet->stream_index;
    }
    if (std::optional<StreamTitle> title = reader.TakeTitle()) {
      if (!channel_.Give(*std::move(title))) return absl::CancelledError();
    }
    RETURN_IF_ERROR(Decode(packet));
  }
}

absl::Status TranscodeJob::RunFrames() {
  std::optional<AudioFormat> open;
  const LibavPtr<AVPacket> packet(av_packet_alloc());
  if (!packet) return absl::ResourceExhaustedError("no memory to decode");
  while (true) {
    if (!open || !open->SameStream(*input_.format)) {
      if (decoder_.open()) RETURN_IF_ERROR(Decode(nullptr));
      RETURN_IF_ERROR(decoder_.Open(*input_.format));
      open = input_.format;
    }
    // A copy with the padding that decoders read.
    if (av_new_packet(packet.get(), static_cast<int>(input_.bytes.size())) < 0) {
      return absl::ResourceExhaustedError("no memory to decode");
    }
    std::copy(input_.bytes.begin(), input_.bytes.end(), packet->data);
    const absl::Status status = Decode(packet.get());
    av_packet_unref(packet.get());
    RETURN_IF_ERROR(status);
    switch (channel_.Take(input_)) {
      case TranscodeChannel::Taken::kInput:
        break;
      case TranscodeChannel::Taken::kEnd:
        return Flush();
      case TranscodeChannel::Taken::kStopped:
        return absl::CancelledError();
    }
  }
}

absl::Status TranscodeJob::Decode(const AVPacket* packet) {
  codec_ = decoder_.codec();
  absl::Status status;
  RETURN_IF_ERROR(decoder_.Decode(packet, [&](const AVFrame& frame) {
    status = OnAudio(frame);
    return status.ok();
  }));
  return status;
}

absl::Status TranscodeJob::OnAudio(const AVFrame& frame) {
  if (!encoder_.open()) RETURN_IF_ERROR(encoder_.Open(request_.target, frame));
  if (std::string source = decoder_.Describe(frame); source != source_) {
    source_ = std::move(source);
    if (!channel_.Give(TranscodeFormat{encoder_.format(), source_})) return absl::CancelledError();
  }
  return encoder_.Encode(frame, [this](AudioFrame out) { return channel_.Give(std::move(out)); });
}

absl::Status TranscodeJob::Flush() {
  if (decoder_.open()) RETURN_IF_ERROR(Decode(nullptr));
  return encoder_.Finish([this](AudioFrame out) { return channel_.Give(std::move(out)); });
}

}  // namespace headwater::packager
