#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace headwater {

// A start or end tag and what follows it up to the next one. Views into the document.
struct MarkupTag {
  // Without namespace prefix, in the document's own case.
  std::string_view name;
  bool closing = false;
  std::string_view attributes;
  // Undecoded, with comments and CDATA marks.
  std::string_view text;
  // Of the tag's '<' in the document.
  size_t offset = 0;

  // `name` is in lower case.
  bool Is(std::string_view lower_name) const;
  // The decoded value of an attribute by its name in lower case and without prefix, whatever
  // quotes it has or lacks. Nothing when it is absent or longer than kPlaylistLineMax.
  std::optional<std::string> Attribute(std::string_view lower_name) const;
  // The text decoded; empty when it is longer than kPlaylistLineMax.
  std::string Text() const;
};

// Gives the tags of XML or HTML one by one, in one pass and without a stack, so that neither depth
// nor missing end tags matter. It forgives what lists on the web get wrong: case, unquoted or
// unclosed attributes, a bare '&'. A document cannot define anything: declarations are skipped, and
// only character references and XML's five predefined entities are decoded. Text between <script>
// or <style> and their ends is not looked at. Time is linear in the document.
class MarkupScanner {
 public:
  explicit MarkupScanner(std::string_view document);

  std::optional<MarkupTag> Next();

 private:
  // The next '<' of a tag at or after `from`; the document's size when there is none.
  size_t FindTag(size_t from) const;

  std::string_view document_;
  size_t at_ = 0;
};

// Lower-case name of the first element, without prefix; empty when there is none.
std::string RootElement(std::string_view document);

}  // namespace headwater
