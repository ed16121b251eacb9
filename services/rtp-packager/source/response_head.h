#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "services/rtp-packager/source/source.h"

namespace headwater {

// The header of an HTTP or Shoutcast ("ICY 200 OK") response, line by line as it comes. It keeps
// only what a source needs. A header larger than the limits is refused: AddLine says no, and the
// request is to be dropped.
class ResponseHead {
 public:
  static constexpr size_t kLinesMax = 100;
  static constexpr size_t kBytesMax = 32 * 1024;

  // One line with or without its CRLF; the empty line ends the header. A status line begins a new
  // header (after 100 Continue), but what has been counted stays counted.
  bool AddLine(std::string_view line);

  // The empty line has come.
  bool complete() const { return complete_; }
  int status() const { return status_; }
  // "404 Not Found", with a standard phrase where the server sent none.
  std::string StatusText() const;
  // As the server sent it; unchecked, at most SourceUrl::kBytesMax bytes.
  const std::optional<std::string>& location() const { return location_; }
  // Lower case, as the server sent it, at most 100 bytes; empty for none.
  const std::string& content_encoding() const { return content_encoding_; }
  // There was no header at all: the body begins at once (HTTP/0.9).
  bool bare() const { return bare_; }
  // 0: no ICY metadata in the body.
  size_t metaint() const { return metaint_; }
  // content_type and icy_*; the rest is for others to fill.
  const SourceHead& head() const { return head_; }

 private:
  void StartStatus(std::string_view line);
  void AddField(std::string_view name, std::string_view value);

  size_t lines_ = 0;
  size_t bytes_ = 0;
  bool complete_ = false;
  int status_ = 0;
  std::string phrase_;
  std::optional<std::string> location_;
  std::string content_encoding_;
  bool bare_ = false;
  size_t metaint_ = 0;
  SourceHead head_;
};

}  // namespace headwater
