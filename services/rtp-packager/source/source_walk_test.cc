#include "services/rtp-packager/source/source_walk.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace headwater {
namespace {

using Texts = std::vector<std::string>;

SourceWalk Walk(Texts urls, size_t first = 0) {
  return SourceWalk({}, {.urls = std::move(urls), .first = first, .local = false});
}

std::string Current(const SourceWalk& walk) {
  return walk.current() == nullptr ? "" : walk.current()->ToString();
}

TEST(SourceWalkTest, TriesEveryUrlOnceBeginningWithTheFirst) {
  SourceWalk walk = Walk({"http://a/", "http://b/", "http://c/"}, 1);
  Texts seen;
  while (walk.current() != nullptr) {
    seen.push_back(Current(walk));
    EXPECT_EQ(walk.hops(), Texts{seen.back()});
    walk.OnFailure(SourceErrorReason::kHttpStatus, "404 Not Found");
  }
  EXPECT_EQ(seen, (Texts{"http://b/", "http://c/", "http://a/"}));
  EXPECT_EQ(walk.error().reason, SourceErrorReason::kHttpStatus);
  EXPECT_EQ(walk.error().text,
            "http://b/: 404 Not Found; http://c/: 404 Not Found; http://a/: 404 Not Found");
}

TEST(SourceWalkTest, FollowsRedirectsAndLists) {
  SourceWalk walk = Walk({"http://a/radio", "http://z/"});
  walk.OnRedirect("/list.m3u");
  EXPECT_EQ(Current(walk), "http://a/list.m3u");
  walk.OnPlaylist({"one.pls", "https://b/two"});
  EXPECT_EQ(Current(walk), "http://a/one.pls");
  walk.OnPlaylist({"http://c/live"});
  EXPECT_EQ(Current(walk), "http://c/live");
  EXPECT_EQ(walk.hops(),
            (Texts{"http://a/radio", "http://a/list.m3u", "http://a/one.pls", "http://c/live"}));
  walk.OnFailure(SourceErrorReason::kConnect, "refused");
  EXPECT_EQ(Current(walk), "https://b/two");
  EXPECT_EQ(walk.url_index(), 0u);
  walk.OnFailure(SourceErrorReason::kConnect, "refused");
  EXPECT_EQ(Current(walk), "http://z/");
  EXPECT_EQ(walk.url_index(), 1u);
}

TEST(SourceWalkTest, NamesTheWayInTheError) {
  SourceWalk walk = Walk({"http://me:secret@a/x"});
  walk.OnRedirect("http://you:hidden@b/y");
  walk.OnFailure(SourceErrorReason::kHttpStatus, "404 Not Found");
  EXPECT_EQ(walk.error().text, "http://b/y: 404 Not Found (by way of http://a/x)");
}

TEST(SourceWalkTest, EndsARedirectLoop) {
  SourceWalk walk = Walk({"http://a/"});
  walk.OnRedirect("http://b/");
  walk.OnRedirect("http://a/");
  EXPECT_EQ(walk.current(), nullptr);
  EXPECT_EQ(walk.error().reason, SourceErrorReason::kRedirect);
  EXPECT_EQ(walk.error().text, "http://b/: redirect loop, back to http://a/ (by way of http://a/)");
}

TEST(SourceWalkTest, FollowsEightRedirectsAndNoMore) {
  SourceWalk walk = Walk({"http://a/"});
  for (int i = 0; i < 8; ++i) walk.OnRedirect("/" + std::to_string(i));
  EXPECT_EQ(Current(walk), "http://a/7");
  walk.OnRedirect("/8");
  EXPECT_EQ(walk.current(), nullptr);
  EXPECT_EQ(walk.error().text, "http://a/7: more than 8 redirects (by way of http://a/)");
}

TEST(SourceWalkTest, NeverGoesFromHttpsToHttpByRedirect) {
  SourceWalk walk = Walk({"https://a/"});
  walk.OnRedirect("http://a/");
  EXPECT_EQ(walk.error().reason, SourceErrorReason::kRedirect);
  EXPECT_EQ(walk.error().text, "https://a/: redirects from https to http://a/");
  SourceWalk list = Walk({"https://a/"});
  list.OnPlaylist({"http://b/"});
  EXPECT_EQ(Current(list), "http://b/");
}

TEST(SourceWalkTest, RefusesOtherSchemes) {
  SourceWalk redirected = Walk({"http://a/"});
  redirected.OnRedirect("file:///etc/passwd");
  EXPECT_EQ(redirected.error().reason, SourceErrorReason::kRedirect);
  const SourceWalk direct = Walk({"file:///etc/passwd"});
  EXPECT_EQ(direct.current(), nullptr);
  EXPECT_EQ(direct.error().reason, SourceErrorReason::kPolicy);
  EXPECT_EQ(direct.error().text, "file:///etc/passwd: not an http, https or icy URL");
  SourceWalk list = Walk({"http://a/"});
  list.OnPlaylist({"file:///etc/passwd", "ftp://x/"});
  EXPECT_EQ(list.error().reason, SourceErrorReason::kPlaylist);
}

TEST(SourceWalkTest, BoundsNestingAndSelfReference) {
  SourceWalk walk = Walk({"http://a/"});
  walk.OnPlaylist({"http://a/1"});
  walk.OnPlaylist({"http://a/", "http://a/2"});
  EXPECT_EQ(Current(walk), "http://a/2");
  walk.OnPlaylist({"http://a/3"});
  walk.OnPlaylist({"http://a/4"});
  EXPECT_EQ(walk.current(), nullptr);
  EXPECT_EQ(walk.error().text,
            "http://a/3: playlists nested more than 3 deep (by way of http://a/)");
}

TEST(SourceWalkTest, BoundsRequestsHoweverListsBranch) {
  SourceWalk walk = Walk({"http://a/"});
  int requests = 0;
  for (; walk.current() != nullptr; ++requests) {
    Texts targets;
    for (int i = 0; i < 100; ++i) targets.push_back("/" + std::to_string(requests * 100 + i));
    walk.OnPlaylist(targets);
  }
  EXPECT_EQ(requests, 32);
  EXPECT_LE(walk.error().text.size(), 500u);
}

TEST(SourceWalkTest, ResolvesTargetsAgainstTheListsBase) {
  SourceWalk walk = Walk({"https://u:p@a/x/list.asx"});
  walk.OnPlaylist({"live", "//c/live"}, "../y/");
  EXPECT_EQ(Current(walk), "https://a/y/live");
  EXPECT_EQ(walk.current()->user, "u");
  walk.OnFailure(SourceErrorReason::kHttpStatus, "404");
  EXPECT_EQ(Current(walk), "https://c/live");
  EXPECT_EQ(walk.current()->user, "");
  SourceWalk elsewhere = Walk({"http://u:p@a/"});
  elsewhere.OnPlaylist({"live"}, "http://b/");
  EXPECT_EQ(Current(elsewhere), "http://b/live");
  EXPECT_EQ(elsewhere.current()->user, "");
  SourceWalk nonsense = Walk({"http://a/"});
  nonsense.OnPlaylist({"live"}, "file:///etc/");
  EXPECT_EQ(Current(nonsense), "http://a/live");
}

TEST(SourceWalkTest, FollowsAPageOnceAndNoPageFromThere) {
  SourceWalk walk = Walk({"http://a/"});
  walk.OnPage({"list.pls", "other"}, "", "a web page, \"A\"");
  EXPECT_EQ(Current(walk), "http://a/list.pls");
  walk.OnPlaylist({"page"});
  EXPECT_EQ(Current(walk), "http://a/page");
  walk.OnPage({"live"}, "", "a web page, \"B\"");
  EXPECT_EQ(Current(walk), "http://a/other");
  walk.OnRedirect("moved");
  walk.OnPage({"live"}, "", "a web page, \"C\"");
  EXPECT_EQ(walk.current(), nullptr);
  EXPECT_EQ(walk.error().reason, SourceErrorReason::kHtml);
  EXPECT_EQ(walk.error().text,
            "http://a/page: a web page, \"B\" (by way of http://a/); "
            "http://a/moved: a web page, \"C\" (by way of http://a/)");
}

TEST(SourceWalkTest, SaysSoWhenThereIsNothingToTry) {
  EXPECT_EQ(Walk({}).error().text, "the station has no URL");
  EXPECT_EQ(Walk({"http://a:b@c:99999/"}).error().text, "http://c:99999/: not a valid URL");
  SourceWalk walk = Walk({"http://a/"});
  walk.OnPlaylist({});
  EXPECT_EQ(walk.error().text, "http://a/: an empty playlist");
}

}  // namespace
}  // namespace headwater
