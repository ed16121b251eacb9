#include "services/rtp-packager/source/icy_splitter.h"

#include <algorithm>
#include <utility>

#include "services/common/text/clean_text.h"

namespace headwater {
namespace {

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Does the text begin with "Name=" or hold nothing more?
bool BeginsField(std::string_view text) {
  size_t i = 0;
  while (i < text.size() && text[i] == ' ') ++i;
  if (i == text.size()) return true;
  const size_t name = i;
  while (i < text.size() && IsNameCharacter(text[i])) ++i;
  return i > name && i < text.size() && text[i] == '=';
}

// Takes the value off the front of `text`, with what ends it.
std::string_view TakeValue(std::string_view& text) {
  const char quote = !text.empty() && (text[0] == '\'' || text[0] == '"') ? text[0] : '\0';
  if (quote != '\0') text.remove_prefix(1);
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t semicolon = quote == '\0' ? i : i + 1;
    if (quote != '\0' && text[i] != quote) continue;
    if (semicolon >= text.size() || text[semicolon] != ';') continue;
    if (!BeginsField(text.substr(semicolon + 1))) continue;
    const std::string_view value = text.substr(0, i);
    text.remove_prefix(semicolon + 1);
    return value;
  }
  // No proper end: all of it, without the closing quote if that is there.
  std::string_view value = std::exchange(text, {});
  if (quote != '\0' && value.ends_with(quote)) value.remove_suffix(1);
  return value;
}

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

}  // namespace

std::optional<StreamTitle> ParseIcyMetadata(std::string_view block) {
  block = block.substr(0, block.find('\0'));
  StreamTitle found;
  bool has_title = false;
  // Every turn takes at least the '=' off the block.
  while (!block.empty()) {
    const size_t equals = block.find('=');
    if (equals == std::string_view::npos) break;
    std::string_view name = block.substr(0, equals);
    while (!name.empty() && !IsNameCharacter(name.front())) name.remove_prefix(1);
    block.remove_prefix(equals + 1);
    const std::string_view value = TakeValue(block);
    if (EqualsIgnoringCase(name, "StreamTitle") && !has_title) {
      found.title = CleanText(value, kTitleBytesMax);
      has_title = true;
    } else if (EqualsIgnoringCase(name, "StreamUrl")) {
      found.url = CleanText(value, kTitleBytesMax);
    }
  }
  if (!has_title) return std::nullopt;
  return found;
}

IcySplitter::Piece IcySplitter::Take(Bytes& input) {
  Piece piece;
  if (metaint_ == 0) {
    piece.media = std::exchange(input, {});
    return piece;
  }
  if (media_left_ > 0) {
    piece.media = input.first(std::min(media_left_, input.size()));
    input = input.subspan(piece.media.size());
    media_left_ -= piece.media.size();
    return piece;
  }
  if (!in_block_) {
    in_block_ = true;
    block_size_ = size_t{16} * input.front();
    block_filled_ = 0;
    input = input.subspan(1);
  }
  const Bytes part = input.first(std::min(block_size_ - block_filled_, input.size()));
  std::copy(part.begin(), part.end(), reinterpret_cast<uint8_t*>(block_.data() + block_filled_));
  block_filled_ += part.size();
  input = input.subspan(part.size());
  if (block_filled_ == block_size_) piece.title = FinishBlock();
  return piece;
}

std::optional<StreamTitle> IcySplitter::FinishBlock() {
  in_block_ = false;
  media_left_ = metaint_;
  // An empty block, the usual one, means that nothing has changed.
  if (block_size_ == 0) return std::nullopt;
  std::optional<StreamTitle> title = ParseIcyMetadata({block_.data(), block_size_});
  if (!title || *title == title_) return std::nullopt;
  title_ = *title;
  return title;
}

}  // namespace headwater
