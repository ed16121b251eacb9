#include "services/rtp-packager/source/hls/hls_player.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "services/common/base/check.h"

namespace headwater {
namespace {

// A list's own pace, brought into what neither harms its server nor makes us wait for ever.
constexpr Duration kTargetMin = 1s;
constexpr Duration kTargetMax = 60s;
constexpr int kPatienceTargets = 4;
constexpr Duration kPatienceMax = 60s;
// RFC 8216 section 6.3.3: no closer to the end of a live list.
constexpr int kTargetsBehind = 3;
constexpr Duration kRetryMin = 250ms;
constexpr int kAttemptsMax = 2;

// Errors of the way to a server rather than of one of its resources: another variant, which is on
// the same server as a rule, would not help, and might be of another format.
bool IsUnreachable(const SourceError& error) {
  switch (error.reason) {
    case SourceErrorReason::kDns:
    case SourceErrorReason::kConnect:
    case SourceErrorReason::kTls:
    case SourceErrorReason::kSilence:
      return true;
    default:
      return false;
  }
}

// Dates of the segments that name none, by those before them.
void FillDates(HlsMediaPlaylist& list) {
  std::optional<absl::Time> next;
  for (HlsSegment& segment : list.segments) {
    if (!segment.date_time) segment.date_time = next;
    if (segment.date_time) next = *segment.date_time + absl::FromChrono(segment.duration);
  }
}

}  // namespace

std::optional<SourceError> HlsPlayer::Begin(const SourceUrl& url, std::string_view text,
                                            MonoTime now) {
  last_media_ = now;
  loading_since_ = now;
  base_ = url;
  url_ = url;
  auto list = ParseHlsPlaylist(text, options_.limits);
  if (!list.ok()) {
    return SourceError{SourceErrorReason::kPlaylist,
                       fmt::format("a playlist that is {}", ToString(list.error()))};
  }
  if (const auto* master = std::get_if<HlsMasterPlaylist>(&*list)) {
    choices_ = ChooseHlsVariants(*master, options_.audio_bits_max);
    return std::nullopt;
  }
  const auto& media = std::get<HlsMediaPlaylist>(*list);
  if (media.end_list && media.segments.empty()) {
    return SourceError{SourceErrorReason::kPlaylist, "an HLS playlist without segments"};
  }
  choices_ = {{.uri = "", .bits_per_second = 0, .has_video = false}};
  TakePlaylist(url, std::get<HlsMediaPlaylist>(std::move(*list)));
  return std::nullopt;
}

Duration HlsPlayer::patience() const {
  return std::max(std::min(kPatienceTargets * target_, kPatienceMax), options_.patience_min);
}

const HlsSegment* HlsPlayer::current() const {
  return at_ < list_.segments.size() ? &list_.segments[at_] : nullptr;
}

HlsAction HlsPlayer::Next(MonoTime now) {
  HW_CHECK(!fetch_);
  if (end_) return *end_;
  const Duration idle = now - last_media_;
  const std::string seconds = fmt::format("{:g} s", absl::ToDoubleSeconds(absl::FromChrono(idle)));
  if (idle >= patience()) {
    return End(SourceErrorReason::kSilence,
               failures_ == 0 ? fmt::format("the playlist has not moved for {}", seconds)
                              : fmt::format("no media for {}: {}", seconds, error_.text));
  }
  const bool may_switch = failures_ == 0 && choices_failed_ == 0 && choices_.size() > 1;
  MonoTime limit = last_media_ + (may_switch ? patience() / 2 : patience());
  if (now >= limit) {
    // It stands still: perhaps another variant does not.
    TakeNextChoice(now);
    limit = last_media_ + patience();
  }
  if (now < retry_at_) return HlsWait{std::min(retry_at_, limit)};
  while (current() != nullptr && current()->gap) Drop();
  if (current() != nullptr) return FetchSegment(now);
  if (loaded_ && list_.end_list) {
    return End(SourceErrorReason::kClosed, "the playlist has come to its end");
  }
  if (loaded_ && now < reload_at_) return HlsWait{std::min(reload_at_, limit)};
  return FetchPlaylist(now);
}

HlsAction HlsPlayer::FetchPlaylist(MonoTime now) {
  loading_since_ = now;
  const auto url = base_.Resolve(choices_[choice_].uri);
  if (!url.ok()) {
    CountFailure({SourceErrorReason::kPlaylist, "a variant without a usable URL"}, now);
    return Next(now);
  }
  fetch_ = HlsFetch{.what = HlsFetch::What::kPlaylist, .url = *url};
  return *fetch_;
}

HlsAction HlsPlayer::Fetch(HlsFetch::What what, const std::string& uri, MonoTime now) {
  const auto url = url_.Resolve(uri);
  if (!url.ok()) {
    Drop();
    CountFailure({SourceErrorReason::kPlaylist, "a segment without a usable URL"}, now);
    return Next(now);
  }
  fetch_ = HlsFetch{.what = what, .url = *url};
  asked_at_ = now;
  held_ = false;
  attempt_bytes_ = 0;
  offset_ = 0;
  is_range_ = false;
  return *fetch_;
}

HlsAction HlsPlayer::FetchSegment(MonoTime now) {
  const HlsSegment& segment = *current();
  if (segment.map) {
    const HlsMap& map = list_.maps[*segment.map];
    const auto url = url_.Resolve(map.uri);
    Init init = {url.ok() ? url->ToString() : "", map.range};
    if (init != init_) {
      const HlsKey* key = map.key ? &list_.keys[*map.key] : nullptr;
      if (key != nullptr) {
        if (auto action = FetchKey(*key, now)) return *std::move(action);
      }
      HlsAction action = Fetch(HlsFetch::What::kInit, map.uri, now);
      if (!fetch_) return action;
      fetch_->range = map.range;
      if (key != nullptr) fetch_->decryption = Decryption(*key);
      return *fetch_;
    }
  }
  const HlsKey* key = segment.key ? &list_.keys[*segment.key] : nullptr;
  if (key != nullptr) {
    if (auto action = FetchKey(*key, now)) return *std::move(action);
  }
  const std::optional<HlsByteRange> range = segment.range;
  const std::string title = HlsTitle(segment.title);
  HlsAction action = Fetch(HlsFetch::What::kSegment, segment.uri, now);
  if (!fetch_) return action;
  fetch_->range = range;
  fetch_->title = title;
  if (key != nullptr) fetch_->decryption = Decryption(*key);
  return *fetch_;
}

std::optional<HlsAction> HlsPlayer::FetchKey(const HlsKey& key, MonoTime now) {
  if (key.method != "AES-128" || key.format != "identity") {
    const std::string_view name = key.method == "AES-128" ? key.format : key.method;
    const std::string text = fmt::format("segments encrypted by {}, which is not supported",
                                         name.empty() ? "an unnamed method" : RedactUrl(name));
    if (choices_failed_ + 1 >= choices_.size()) return End(SourceErrorReason::kCodec, text);
    TakeNextChoice(now);
    return Next(now);
  }
  const auto url = url_.Resolve(key.uri);
  if (url.ok() && url->ToString() == key_url_) return std::nullopt;
  return Fetch(HlsFetch::What::kKey, key.uri, now);
}

HlsDecryption HlsPlayer::Decryption(const HlsKey& key) const {
  HlsDecryption decryption = {.key = key_, .iv = {}};
  if (key.iv) {
    decryption.iv = *key.iv;
  } else {
    // The segment's number, big-endian (RFC 8216 section 5.2).
    for (size_t i = 0; i < 8; ++i) {
      decryption.iv[15 - i] = static_cast<uint8_t>(next_ >> (8 * i));
    }
  }
  return decryption;
}

HlsAction HlsPlayer::End(SourceErrorReason reason, std::string text) {
  end_ = HlsEnd{{reason, std::move(text)}};
  return *end_;
}

void HlsPlayer::OnDocument(const SourceUrl& url, std::string_view body, MonoTime now) {
  HW_CHECK(fetch_ && !fetch_->is_media());
  const HlsFetch fetch = *std::exchange(fetch_, std::nullopt);
  if (fetch.what == HlsFetch::What::kKey) {
    if (body.size() != key_.size()) {
      Drop();
      return CountFailure({SourceErrorReason::kPlaylist, "a key that is not 16 bytes long"}, now);
    }
    std::copy(body.begin(), body.end(), key_.begin());
    key_url_ = fetch.url.ToString();
    return;
  }
  auto list = ParseHlsPlaylist(body, options_.limits);
  if (!list.ok()) {
    return CountFailure({SourceErrorReason::kPlaylist,
                         fmt::format("a playlist that is {}", ToString(list.error()))},
                        now);
  }
  auto* media = std::get_if<HlsMediaPlaylist>(&*list);
  if (media == nullptr) {
    return CountFailure(
        {SourceErrorReason::kPlaylist, "a list of variants where one of segments should be"}, now);
  }
  TakePlaylist(url, std::move(*media));
}

void HlsPlayer::TakePlaylist(const SourceUrl& url, HlsMediaPlaylist list) {
  ++stats_.playlists;
  url_ = url;
  target_ = std::clamp(list.target_duration, kTargetMin, kTargetMax);
  const uint64_t end = list.media_sequence + list.segments.size();
  const bool changed = !loaded_ || end != list_end_;
  reload_at_ = loading_since_ + (changed ? target_ : target_ / 2);
  loaded_ = true;
  list_end_ = end;
  FillDates(list);
  size_t index = 0;
  if (!list.segments.empty()) {
    index = positioned_ ? ContinueIndex(list) : StartIndex(list);
    const bool is_old = positioned_ && !switched_ && index == list.segments.size();
    if (!is_old) next_ = list.media_sequence + index;
    positioned_ = true;
    switched_ = false;
  }
  // A list may reach back for hours.
  list.segments.erase(list.segments.begin(),
                      list.segments.begin() + static_cast<std::ptrdiff_t>(index));
  list.segments.shrink_to_fit();
  list_ = std::move(list);
  at_ = 0;
}

size_t HlsPlayer::StartIndex(const HlsMediaPlaylist& list) const {
  if (list.end_list) return 0;
  size_t index = list.segments.size();
  Duration behind{};
  while (index > 0 && behind < kTargetsBehind * target_) behind += list.segments[--index].duration;
  return index;
}

size_t HlsPlayer::ContinueIndex(const HlsMediaPlaylist& list) {
  const size_t size = list.segments.size();
  const uint64_t first = list.media_sequence;
  if (switched_) {
    // Variants need not count alike (RFC 8216 section 6.2.4); their dates are the same.
    if (const auto index = IndexByDate(list)) return *index;
  }
  if (next_ >= first && next_ <= first + size) return static_cast<size_t>(next_ - first);
  if (next_ < first) {
    stats_.missed_segments += std::min<uint64_t>(first - next_, size);
    return StartIndex(list);
  }
  // Before what was played: an old copy of the list, which will move on, as long as it may overlap
  // it; anything else is numbering begun anew.
  if (!switched_ && next_ - (first + size) <= size) return size;
  ++stats_.resets;
  return StartIndex(list);
}

std::optional<size_t> HlsPlayer::IndexByDate(const HlsMediaPlaylist& list) const {
  if (!next_date_) return std::nullopt;
  for (size_t i = 0; i < list.segments.size(); ++i) {
    const HlsSegment& segment = list.segments[i];
    if (!segment.date_time) continue;
    // Nothing of that time is left: the list is another day's, or far ahead.
    if (i == 0 && *segment.date_time > *next_date_ + absl::FromChrono(kPatienceMax)) break;
    if (*segment.date_time + absl::FromChrono(segment.duration / 2) > *next_date_) return i;
  }
  const HlsSegment& last = list.segments.back();
  const bool is_near =
      last.date_time && *last.date_time + absl::FromChrono(kPatienceMax) > *next_date_;
  return is_near ? std::optional(list.segments.size()) : std::nullopt;
}

void HlsPlayer::OnMediaHead(bool is_range) {
  HW_CHECK(fetch_ && fetch_->is_media());
  is_range_ = is_range && fetch_->range;
  offset_ = is_range_ ? fetch_->range->offset : 0;
}

Bytes HlsPlayer::OnBytes(Bytes bytes, MonoTime now) {
  HW_CHECK(fetch_ && fetch_->is_media());
  last_media_ = now;
  if (const auto& range = fetch_->range) {
    const uint64_t before = range->offset > offset_ ? range->offset - offset_ : 0;
    const auto skipped = static_cast<size_t>(std::min<uint64_t>(before, bytes.size()));
    offset_ += bytes.size();
    bytes = bytes.subspan(skipped);
    const uint64_t end = range->offset + range->length;
    const uint64_t beyond = std::min<uint64_t>(offset_ > end ? offset_ - end : 0, bytes.size());
    bytes = bytes.first(bytes.size() - static_cast<size_t>(beyond));
  }
  const uint64_t known = given_ > attempt_bytes_ ? given_ - attempt_bytes_ : 0;
  attempt_bytes_ += bytes.size();
  given_ = std::max(given_, attempt_bytes_);
  bytes = bytes.subspan(static_cast<size_t>(std::min<uint64_t>(known, bytes.size())));
  if (!bytes.empty() && fetch_->what == HlsFetch::What::kSegment) {
    started_ = true;
    choices_failed_ = 0;
  }
  return bytes;
}

void HlsPlayer::OnMediaEnd(MonoTime now) {
  HW_CHECK(fetch_ && fetch_->is_media());
  last_media_ = now;
  const HlsFetch fetch = *std::exchange(fetch_, std::nullopt);
  failures_ = 0;
  given_ = 0;
  const bool first_attempt = std::exchange(attempts_, 0) == 0;
  if (fetch.what == HlsFetch::What::kInit) {
    init_ = Init{fetch.url.ToString(), fetch.range};
    return;
  }
  ++stats_.segments;
  const Duration lasts = current()->duration;
  Advance();
  if (first_attempt && lasts > Duration{}) JudgePace(now - asked_at_, lasts, now);
}

void HlsPlayer::JudgePace(Duration took, Duration lasts, MonoTime now) {
  const std::optional<size_t> dearer = DearerChoice();
  const double times = dearer ? static_cast<double>(choices_[*dearer].bits_per_second) /
                                    static_cast<double>(bits_per_second())
                              : 0;
  const HlsPace::Verdict verdict = pace_.OnSegment(took, lasts, target_, held_, times, now);
  if (verdict == HlsPace::Verdict::kKeep) return;
  const bool slow = verdict == HlsPace::Verdict::kCheaper;
  const std::optional<size_t> choice = slow ? CheaperChoice() : dearer;
  if (!choice) return;
  if (slow) slow_bits_ = std::max(slow_bits_, bits_per_second());
  ++(slow ? stats_.changes_slow : stats_.changes_fast);
  TakeChoice(*choice);
  pace_.OnChange(verdict, now);
}

std::optional<size_t> HlsPlayer::CheaperChoice() const {
  const HlsChoice& current_choice = choices_[choice_];
  const double affordable = static_cast<double>(current_choice.bits_per_second) * pace_.speed();
  std::optional<size_t> found;
  for (size_t i = 0; i < choices_.size(); ++i) {
    const HlsChoice& each = choices_[i];
    const uint64_t bits = each.bits_per_second;
    if (bits == 0 || bits >= current_choice.bits_per_second) continue;
    if (each.has_video && !current_choice.has_video) continue;
    const auto rank = [&](uint64_t of) {
      const bool fits = static_cast<double>(of) <= affordable;
      return std::pair(fits, fits ? static_cast<double>(of) : -static_cast<double>(of));
    };
    if (!found || rank(bits) > rank(choices_[*found].bits_per_second)) found = i;
  }
  return found;
}

std::optional<size_t> HlsPlayer::DearerChoice() const {
  const HlsChoice& current_choice = choices_[choice_];
  std::optional<size_t> found;
  for (size_t i = 0; i < choices_.size(); ++i) {
    const uint64_t bits = choices_[i].bits_per_second;
    if (current_choice.bits_per_second == 0 || bits <= current_choice.bits_per_second) continue;
    if (bits > slow_bits_) continue;
    if (!found || bits < choices_[*found].bits_per_second) found = i;
  }
  return found;
}

void HlsPlayer::Advance() {
  const HlsSegment& segment = *current();
  if (segment.discontinuity) ++stats_.discontinuities;
  if (segment.date_time) {
    next_date_ = *segment.date_time + absl::FromChrono(segment.duration);
  } else if (next_date_) {
    *next_date_ += absl::FromChrono(segment.duration);
  }
  ++at_;
  ++next_;
  attempts_ = 0;
  given_ = 0;
}

void HlsPlayer::Drop() {
  ++stats_.missed_segments;
  Advance();
}

void HlsPlayer::OnFailure(const SourceError& error, MonoTime now) {
  HW_CHECK(fetch_);
  const HlsFetch fetch = *std::exchange(fetch_, std::nullopt);
  if (fetch.what != HlsFetch::What::kPlaylist && ++attempts_ >= kAttemptsMax) {
    // Boxes of MP4 are found by their lengths: after a piece of one nothing would be.
    if (given_ > 0 && current()->map) {
      End(SourceErrorReason::kClosed, fmt::format("a segment broke off: {}", error.text));
      return;
    }
    Drop();
  }
  CountFailure(error, now);
}

void HlsPlayer::CountFailure(const SourceError& error, MonoTime now) {
  error_ = error;
  ++failures_;
  // At the start nobody listens yet, and the station may have another URL.
  const bool at_once = !started_ && current() == nullptr;
  if (at_once || failures_ >= options_.failures_max) {
    if (!(started_ && IsUnreachable(error)) && TakeNextChoice(now)) return;
    if (!started_) {
      end_ = HlsEnd{error};
      return;
    }
  }
  const Duration wait = kRetryMin * (1 << std::min(failures_ - 1, 4));
  retry_at_ = now + std::min(wait, std::max(target_ / 2, 2 * kRetryMin));
}

bool HlsPlayer::TakeNextChoice(MonoTime now) {
  if (choices_.size() == 1 || (!started_ && choices_failed_ + 1 >= choices_.size())) return false;
  if (given_ > 0 && current() != nullptr) {
    if (current()->map) {
      End(SourceErrorReason::kClosed, fmt::format("a segment broke off: {}", error_.text));
      return true;
    }
    Drop();
  }
  ++choices_failed_;
  ++stats_.changes_failed;
  TakeChoice((choice_ + 1) % choices_.size());
  pace_.OnChange(HlsPace::Verdict::kKeep, now);
  // Where all fail, they fail at this pace.
  retry_at_ = started_ ? now + kRetryMin : now;
  return true;
}

void HlsPlayer::TakeChoice(size_t choice) {
  choice_ = choice;
  switched_ = positioned_;
  loaded_ = false;
  list_ = {};
  at_ = 0;
  attempts_ = 0;
  failures_ = 0;
}

}  // namespace headwater
