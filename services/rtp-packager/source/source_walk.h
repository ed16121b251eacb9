#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/common/net/source_url.h"
#include "services/rtp-packager/source/source.h"

namespace headwater {

struct SourceWalkOptions {
  // Redirects in a row, 0..20.
  size_t redirects_max = 8;
  // Lists within lists: 1 is a list of streams. 0..8.
  size_t playlist_depth_max = 3;
  // Entries of one list that are tried; further ones are not looked at.
  size_t playlist_targets_max = 16;
  // Requests in all for one opening, whatever leads from where to where.
  size_t requests_max = 32;
};

// Finds the way from a station's URLs to its media: which URL to request next, given what the last
// one turned out to be. Redirects are followed within limits and never from https to http (a list
// fetched by https may name http streams, though: most do). Lists are lists of alternatives: their
// targets are tried in order, and before the station's next URL. Pure: it requests nothing.
class SourceWalk {
 public:
  SourceWalk(const SourceWalkOptions& options, const SourceRequest& request);

  // To be requested now; nullptr when there is nothing left, and then error() says why.
  const SourceUrl* current() const { return done_ ? nullptr : &step_.url; }
  // Index in SourceRequest.urls that led here.
  size_t url_index() const { return step_.url_index; }
  // Every URL requested on the way to the current one, which is the last.
  const std::vector<std::string>& hops() const { return step_.hops; }

  // What became of the current URL. Each moves on to the next.
  void OnRedirect(std::string_view location);
  // `base`: what relative targets are relative to, itself relative to the list's URL.
  void OnPlaylist(const std::vector<std::string>& targets, std::string_view base = "");
  // A web page that names a stream: followed as a list would be, but never a page from a page.
  // `what` is what to say where it leads nowhere.
  void OnPage(const std::vector<std::string>& targets, std::string_view base,
              std::string_view what);
  // `what` follows the URL in the text: "404 Not Found".
  void OnFailure(SourceErrorReason reason, std::string_view what);

  // "http://x/y: 404 Not Found". Where several URLs failed: the last one's reason, and every text
  // as far as it fits.
  SourceError error() const;
  // The error as it would read for the current URL, for a stream that ends.
  std::string Describe(std::string_view what) const;

 private:
  struct Step {
    SourceUrl url;
    size_t url_index = 0;
    size_t redirects = 0;
    size_t depth = 0;
    bool from_page = false;
    std::vector<std::string> hops;
  };

  void Begin(const SourceRequest& request);
  // Those of a list or page that can be requested and have not led here.
  std::vector<Step> StepsTo(const std::vector<std::string>& targets, std::string_view base) const;
  void Branch(std::vector<Step> steps);
  void Next();
  void AddError(SourceErrorReason reason, std::string text);

  SourceWalkOptions options_;
  std::vector<Step> pending_;  // the last one is next
  Step step_;
  bool done_ = false;
  size_t requests_ = 0;
  SourceError error_;
};

}  // namespace headwater
