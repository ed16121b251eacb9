#pragma once

#include <absl/time/time.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/net/source_url.h"
#include "services/common/time/mono_time.h"
#include "services/rtp-packager/source/hls/hls_pace.h"
#include "services/rtp-packager/source/hls/hls_playlist.h"
#include "services/rtp-packager/source/hls/hls_variants.h"
#include "services/rtp-packager/source/source.h"

namespace headwater {

struct HlsOptions {
  // Of audio alone: 320 kb/s and the transport stream around it.
  uint64_t audio_bits_max = 384'000;
  HlsPlaylistLimits limits;
  // No media for four target durations (at most one minute of them), and for at least this long,
  // ends it, whatever the cause.
  Duration patience_min = 15s;
  // Fetches that fail in a row until another variant is taken.
  int failures_max = 3;
};

// AES-128-CBC with PKCS7 padding, the whole resource (RFC 8216 section 4.3.2.4).
struct HlsDecryption {
  std::array<uint8_t, 16> key = {};
  std::array<uint8_t, 16> iv = {};
};

struct HlsFetch {
  enum class What : uint8_t { kPlaylist, kKey, kInit, kSegment };

  What what = What::kPlaylist;
  SourceUrl url;
  // Of the resource; a server may send the whole instead.
  std::optional<HlsByteRange> range;
  std::optional<HlsDecryption> decryption;
  // What plays from this segment's first byte on; empty: nothing is said.
  std::string title;

  // Its bytes are media, not a document.
  bool is_media() const { return what == What::kInit || what == What::kSegment; }
};
struct HlsWait {
  MonoTime until;
};
struct HlsEnd {
  SourceError error;
};
using HlsAction = std::variant<HlsFetch, HlsWait, HlsEnd>;

// Of one player, or of all that were given the same.
struct HlsStats {
  uint64_t segments = 0;
  // Segments left out: gaps in the list, not to be had, or gone from the list before their turn.
  uint64_t missed_segments = 0;
  uint64_t playlists = 0;
  uint64_t discontinuities = 0;
  // Numbering begun anew by the server.
  uint64_t resets = 0;
  // To another variant: because of failures or a list that stood still; to a cheaper one because
  // segments came too slowly; back to a dearer one.
  uint64_t changes_failed = 0;
  uint64_t changes_slow = 0;
  uint64_t changes_fast = 0;
};

// Plays an HLS playlist (RFC 8216 section 6.3): which resource to fetch when, and which of its
// bytes are the stream: segments one after the other, each with its initialisation section before
// it where that is another than the last. One fetch at a time. A live list begins three target
// durations before its end, one with an end at its beginning. Lists are loaded again when what they
// named has been fetched, at the pace of section 6.3.4. A segment that cannot be had is tried
// twice, going on in its middle, then left out; after failures_max failures the next variant goes
// on where the last one ended; so does a cheaper one where segments take longer to come than they
// last, and then the dearer one again (hls_pace.h). The end comes with the list's own end
// (kClosed), when no variant begins, or when patience is over. Pure.
//
// Use: Begin once, then Next again and again; a fetch that it names is done, and told of by exactly
// one of OnDocument, OnMediaEnd (each byte having gone through OnBytes before) and OnFailure.
class HlsPlayer {
 public:
  // `stats` is counted up, and outlives the player.
  HlsPlayer(const HlsOptions& options, HlsStats& stats) : options_(options), stats_(stats) {}

  // The list that the station's URL led to. An error: it is none that can be played.
  std::optional<SourceError> Begin(const SourceUrl& url, std::string_view text, MonoTime now);

  HlsAction Next(MonoTime now);

  // A playlist or key, whole. `url` answered, at the end of all redirects.
  void OnDocument(const SourceUrl& url, std::string_view body, MonoTime now);
  // Before the first bytes of media: whether they are the range asked for, or the whole.
  void OnMediaHead(bool is_range);
  // Decrypted bytes as they come; returns what of them is the stream.
  Bytes OnBytes(Bytes bytes, MonoTime now);
  void OnMediaEnd(MonoTime now);
  // `error` follows the URL in no text.
  void OnFailure(const SourceError& error, MonoTime now);
  // What was held back by the listener was not the server's silence.
  void OnResumed(MonoTime now) {
    last_media_ = now;
    held_ = true;
  }

  // bit/s of the variant that plays; 0: unknown.
  uint64_t bits_per_second() const { return choices_[choice_].bits_per_second; }
  bool has_video() const { return choices_[choice_].has_video; }
  const SourceUrl& playlist_url() const { return url_; }
  // How long media may stay away before it ends.
  Duration patience() const;

 private:
  struct Init {
    std::string url;
    std::optional<HlsByteRange> range;
    bool operator==(const Init&) const = default;
  };

  void TakePlaylist(const SourceUrl& url, HlsMediaPlaylist list);
  // Indices in a list of the segment with which to begin, or to go on; its size where that is still
  // to come.
  size_t StartIndex(const HlsMediaPlaylist& list) const;
  size_t ContinueIndex(const HlsMediaPlaylist& list);
  std::optional<size_t> IndexByDate(const HlsMediaPlaylist& list) const;

  HlsAction FetchPlaylist(MonoTime now);
  HlsAction FetchSegment(MonoTime now);
  // Of a resource that the list names.
  HlsAction Fetch(HlsFetch::What what, const std::string& uri, MonoTime now);
  std::optional<HlsAction> FetchKey(const HlsKey& key, MonoTime now);
  HlsDecryption Decryption(const HlsKey& key) const;
  HlsAction End(SourceErrorReason reason, std::string text);

  const HlsSegment* current() const;
  // To the next segment.
  void Advance();
  void Drop();
  void CountFailure(const SourceError& error, MonoTime now);
  bool TakeNextChoice(MonoTime now);
  // What goes on is that choice's list.
  void TakeChoice(size_t choice);
  void JudgePace(Duration took, Duration lasts, MonoTime now);
  // The best one that would have come in time; else the cheapest.
  std::optional<size_t> CheaperChoice() const;
  // The next one on the way back to where it was too slow.
  std::optional<size_t> DearerChoice() const;

  HlsOptions options_;
  std::vector<HlsChoice> choices_;
  size_t choice_ = 0;
  size_t choices_failed_ = 0;  // since media last came
  // The dearest that was too slow; 0: none was.
  uint64_t slow_bits_ = 0;
  HlsPace pace_;
  SourceUrl base_;  // of the choices' URLs
  SourceUrl url_;   // of the list that plays, at the end of its redirects

  // The list, without what came before its beginning for us.
  HlsMediaPlaylist list_;
  size_t at_ = 0;  // the segment to be fetched, or under way
  bool loaded_ = false;
  uint64_t list_end_ = 0;
  Duration target_{};
  MonoTime loading_since_{};
  MonoTime reload_at_{};

  // The position: what is to come next, over all lists.
  bool positioned_ = false;
  bool switched_ = false;  // the next list is another variant's
  uint64_t next_ = 0;      // media sequence number
  std::optional<absl::Time> next_date_;

  // The fetch under way.
  std::optional<HlsFetch> fetch_;
  bool is_range_ = false;
  bool held_ = false;  // by the listener
  MonoTime asked_at_{};
  uint64_t offset_ = 0;         // in the resource
  uint64_t attempt_bytes_ = 0;  // of this attempt
  uint64_t given_ = 0;          // of this segment or initialisation section, over all attempts
  int attempts_ = 0;

  std::optional<Init> init_;  // given last
  std::string key_url_;       // of key_
  std::array<uint8_t, 16> key_ = {};

  bool started_ = false;  // media has come
  int failures_ = 0;      // in a row
  SourceError error_;     // the last of them
  MonoTime retry_at_{};
  MonoTime last_media_{};
  std::optional<HlsEnd> end_;
  HlsStats& stats_;
};

// What EXTINF says of the audio, fit to be shown: "Artist - Title" also where it comes as
// attributes; empty where it says nothing: no words, a file's name, "no desc".
std::string HlsTitle(std::string_view info_title);

}  // namespace headwater
