#include "services/mdns-zone-proxy/policy.h"

#include <algorithm>

namespace headwater::zone {
namespace {

char FoldChar(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool IsZone(std::string_view pattern, std::string_view zone) {
  return pattern == kAnyZone || pattern == zone;
}

enum class TypeMatch { kNo, kYes, kIfSubtype };

TypeMatch MatchesType(const Rule& rule, const ServiceKey& key,
                      const std::set<std::string>& subtypes) {
  if (rule.types.empty()) return TypeMatch::kYes;
  TypeMatch match = TypeMatch::kNo;
  for (const std::string& pattern : rule.types) {
    if (const auto subtype = ParseSubtype(pattern)) {
      if (subtypes.contains(pattern)) return TypeMatch::kYes;
      if (subtype->type == key.type) match = TypeMatch::kIfSubtype;
    } else if (MatchesGlob(pattern, key.type)) {
      return TypeMatch::kYes;
    }
  }
  return match;
}

bool MatchesName(const Rule& rule, const ServiceKey& key) {
  return rule.names.empty() ||
         std::any_of(rule.names.begin(), rule.names.end(),
                     [&](const std::string& glob) { return MatchesGlob(glob, key.name); });
}

}  // namespace

bool MatchesGlob(std::string_view pattern, std::string_view text) {
  // After a mismatch only the last '*' can help: it takes one byte more.
  size_t p = 0;
  size_t t = 0;
  size_t star = std::string_view::npos;
  size_t taken = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = t;
    } else if (p < pattern.size() &&
               (pattern[p] == '?' || FoldChar(pattern[p]) == FoldChar(text[t]))) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++taken;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool IsTypePattern(std::string_view pattern) {
  if (ParseSubtype(pattern)) return true;
  return !pattern.empty() && pattern.size() <= 70 && (pattern[0] == '_' || pattern[0] == '*') &&
         pattern.find("._sub.") == std::string_view::npos &&
         std::all_of(pattern.begin(), pattern.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                  c == '.' || c == '*' || c == '?';
         });
}

Decision Policy::Decide(std::string_view from, std::string_view to, const ServiceKey& key,
                        const std::set<std::string>& subtypes, bool settled) const {
  for (size_t i = 0; i < rules_.size(); ++i) {
    const Rule& rule = rules_[i];
    if (!IsZone(rule.from, from) || !IsZone(rule.to, to) || !MatchesName(rule, key)) continue;
    const TypeMatch match = MatchesType(rule, key, subtypes);
    if (match == TypeMatch::kYes) return {.rule = i, .allow = rule.allow};
    if (match == TypeMatch::kIfSubtype && !rule.allow && !settled) return {.wait = true};
  }
  return {};
}

bool Policy::MayCross(std::string_view from, std::string_view to) const {
  return std::any_of(rules_.begin(), rules_.end(), [&](const Rule& rule) {
    return rule.allow && IsZone(rule.from, from) && IsZone(rule.to, to);
  });
}

std::set<std::string> Policy::TypesFrom(std::string_view zone) const {
  std::set<std::string> types;
  for (const Rule& rule : rules_) {
    if (!IsZone(rule.from, zone)) continue;
    for (const std::string& pattern : rule.types) {
      if (IsServiceType(pattern) || ParseSubtype(pattern)) types.insert(pattern);
    }
  }
  return types;
}

}  // namespace headwater::zone
