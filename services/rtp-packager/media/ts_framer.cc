#include "services/rtp-packager/media/ts_framer.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "services/rtp-packager/media/elementary_framer.h"
#include "services/rtp-packager/media/id3_tag.h"
#include "services/rtp-packager/media/loas_framer.h"
#include "services/rtp-packager/media/ts_pes.h"
#include "services/rtp-packager/media/ts_program.h"

namespace headwater {
namespace {

using mpegts::Packet;

// Bytes until a programme with audio must have been found: a full satellite transponder repeats its
// tables within half of that.
constexpr size_t kTablesWithin = 4 * 1024 * 1024;
// Packets of the audio in a row.
constexpr size_t kScrambledMax = 1000;
// Of a tag; pictures stand behind the text.
constexpr size_t kTagHeldMax = 16 * 1024;

class TsFramer final : public Framer {
 public:
  TsFramer(std::string_view content_type, const FramerOptions& options)
      : content_type_(content_type), options_(options) {}

  void Push(Bytes bytes) override {
    if (error_.empty()) sync_.Push(bytes);
  }

  void Finish() override { finished_ = true; }

  FramerStep Next() override {
    while (error_.empty()) {
      if (const std::optional<FramerStep> step = NextOfAudio()) return *step;
      if (title_waits_) {
        title_waits_ = false;
        return FramerStep::kTitle;
      }
      const Bytes bytes = sync_.Next();
      if (!bytes.empty()) {
        if (const auto packet = mpegts::ParsePacket(bytes); packet.ok()) OnPacket(*packet);
        continue;
      }
      if (sync_.garbage() > options_.garbage_max) {
        Fail(fmt::format("no transport packets in {} bytes (content type \"{}\")", sync_.garbage(),
                         content_type_));
        break;
      }
      if (!finished_ || !audio_ || ended_) return FramerStep::kNeedBytes;
      ended_ = true;
      audio_->Finish();
      audio_fed_ = true;
    }
    return FramerStep::kError;
  }

  const AudioFormat& format() const override { return format_; }
  const AudioFrameView& frame() const override { return audio_->frame(); }
  StreamTitle title() const override { return title_; }
  const std::string& error() const override { return error_; }
  bool unsupported() const override { return unsupported_; }
  uint64_t skipped_total() const override {
    return sync_.skipped_total() + skipped_before_ + (audio_ ? audio_->skipped_total() : 0);
  }

 private:
  // What the frames of the PES packets say; nothing: they are at their end.
  std::optional<FramerStep> NextOfAudio() {
    while (audio_fed_) {
      const FramerStep step = audio_->Next();
      switch (step) {
        case FramerStep::kNeedBytes:
          audio_fed_ = false;
          if (changing_) Begin();
          break;
        case FramerStep::kFormat:
          if (has_format_ && format_.SameStream(audio_->format())) break;
          has_format_ = true;
          format_ = audio_->format();
          return step;
        case FramerStep::kFrame:
          return step;
        case FramerStep::kTitle:
          title_ = audio_->title();
          return step;
        case FramerStep::kError:
          unsupported_ = audio_->unsupported();
          Fail(audio_->error() + " in an MPEG transport stream");
          return FramerStep::kError;
      }
    }
    return std::nullopt;
  }

  void OnPacket(const Packet& packet) {
    if (packet.error) return;
    octets_ += mpegts::kPacketSize;
    if (chooser_.OnPacket(packet)) OnChoice();
    if (!choice_) {
      CheckChoice();
      return;
    }
    if (packet.pid == choice_->audio) OnAudio(packet);
    if (packet.pid == choice_->metadata) OnMetadata(packet);
  }

  void CheckChoice() {
    if (chooser_.settled() && !chooser_.choice()) {
      Fail(fmt::format("an MPEG transport stream of {} programmes without audio",
                       chooser_.programs()));
    } else if (octets_ > kTablesWithin) {
      Fail(fmt::format("an MPEG transport stream without a programme in {} bytes", octets_));
    }
  }

  void OnChoice() {
    const TsChoice& choice = *chooser_.choice();
    if (choice.kind == TsAudioKind::kUnsupported) {
      unsupported_ = true;
      Fail(fmt::format("{} in an MPEG transport stream cannot be sent", choice.codec));
      return;
    }
    const bool other_kind = !choice_ || choice_->kind != choice.kind;
    if (!choice_ || choice_->audio != choice.audio) pes_.Reset();
    if (!choice_ || choice_->metadata != choice.metadata) tag_pes_.Reset();
    choice_ = choice;
    if (!other_kind) return;
    if (!audio_) return Begin();
    // The last frame has nothing behind it to wait for.
    audio_->Finish();
    audio_fed_ = true;
    changing_ = true;
  }

  void Begin() {
    if (audio_) skipped_before_ += audio_->skipped_total();
    audio_ = choice_->kind == TsAudioKind::kLatm ? MakeLoasFramer(content_type_, options_)
                                                 : MakeElementaryFramer(content_type_, options_);
    changing_ = false;
  }

  void OnAudio(const Packet& packet) {
    if (packet.scrambled) {
      if (++scrambled_ > kScrambledMax) Fail("an MPEG transport stream whose audio is scrambled");
      return;
    }
    const TsPesReader::Part part = pes_.Push(packet);
    if (part.bytes.empty() || changing_) return;
    scrambled_ = 0;
    audio_->Push(part.bytes);
    audio_fed_ = true;
  }

  void OnMetadata(const Packet& packet) {
    if (packet.unit_start) TakeTag();
    const TsPesReader::Part part = tag_pes_.Push(packet);
    const size_t count = std::min(part.bytes.size(), kTagHeldMax - tag_.size());
    tag_.insert(tag_.end(), part.bytes.begin(), part.bytes.begin() + static_cast<ptrdiff_t>(count));
    if (part.ends) TakeTag();
  }

  void TakeTag() {
    const std::optional<StreamTitle> title = ParseId3Title(tag_);
    tag_.clear();
    if (!title || title == title_) return;
    title_ = *title;
    title_waits_ = true;
  }

  void Fail(std::string error) { error_ = std::move(error); }

  const std::string content_type_;
  const FramerOptions options_;
  TsPacketSync sync_;
  TsProgramChooser chooser_;
  std::optional<TsChoice> choice_;  // what is being read
  size_t octets_ = 0;
  size_t scrambled_ = 0;  // packets of the audio since it could be read

  TsPesReader pes_;
  std::unique_ptr<Framer> audio_;
  bool audio_fed_ = false;  // it may have something to say
  bool changing_ = false;   // another one takes its place once it has said all
  bool finished_ = false;
  bool ended_ = false;
  uint64_t skipped_before_ = 0;
  bool has_format_ = false;
  AudioFormat format_;

  TsPesReader tag_pes_;
  std::vector<uint8_t> tag_;
  StreamTitle title_;
  bool title_waits_ = false;

  std::string error_;
  bool unsupported_ = false;
};

}  // namespace

std::unique_ptr<Framer> MakeTsFramer(std::string_view content_type, const FramerOptions& options) {
  return std::make_unique<TsFramer>(content_type, options);
}

}  // namespace headwater
