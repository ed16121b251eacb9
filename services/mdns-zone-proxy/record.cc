#include "services/mdns-zone-proxy/record.h"

#include <algorithm>

#include "services/common/text/clean_text.h"
#include "services/mdns-zone-proxy/service_name.h"

namespace headwater::zone {
namespace {

constexpr size_t kSrvFixed = 6;
constexpr size_t kShownMax = 255;
constexpr std::string_view kLocal = ".local";

}  // namespace

std::optional<Srv> ParseSrv(Bytes rdata) {
  if (rdata.size() < kSrvFixed) return std::nullopt;
  std::optional<std::string> host = ParseWireName(rdata.subspan(kSrvFixed));
  if (!host || host->size() <= kLocal.size() || !Fold(*host).ends_with(kLocal)) return std::nullopt;
  return Srv{*std::move(host), static_cast<uint16_t>(rdata[4] << 8 | rdata[5])};
}

std::optional<Txt> ParseTxt(Bytes rdata) {
  Txt txt;
  while (!rdata.empty()) {
    const size_t size = rdata[0];
    if (rdata.size() < 1 + size) return std::nullopt;
    if (size > 0) txt.emplace_back(AsText(rdata.subspan(1, size)));
    rdata = rdata.subspan(1 + size);
  }
  return txt;
}

size_t WireSize(const Txt& txt) {
  size_t size = 0;
  for (const std::string& one : txt) size += 1 + one.size();
  return size;
}

std::vector<std::string> CleanTxt(const Txt& txt) {
  std::vector<std::string> clean;
  for (const std::string& one : txt) clean.push_back(CleanText(one, kShownMax));
  return clean;
}

bool RecordSet::Add(const Place& place, Bytes rdata, size_t records_max) {
  std::erase_if(
      items_, [&](const Item& item) { return item.place == place && item.rdata == AsText(rdata); });
  if (items_.size() >= records_max) return false;
  items_.push_back({place, std::string(AsText(rdata))});
  return true;
}

void RecordSet::Remove(const Place& place, Bytes rdata) {
  std::erase_if(items_, [&](const Item& item) {
    return !item.stale && item.place == place && item.rdata == AsText(rdata);
  });
}

void RecordSet::MarkStale() {
  for (Item& item : items_) item.stale = true;
}

bool RecordSet::DropStale() {
  return std::erase_if(items_, [](const Item& item) { return item.stale; }) > 0;
}

const std::string* RecordSet::Newest() const {
  const Item* newest = nullptr;
  for (const Item& item : items_) {
    if (newest == nullptr || newest->stale || !item.stale) newest = &item;
  }
  return newest == nullptr ? nullptr : &newest->rdata;
}

std::vector<IpAddress> RecordSet::Addresses() const {
  std::vector<IpAddress> addresses;
  for (const Item& item : items_) {
    const auto address = IpAddress::FromBytes(AsBytes(item.rdata));
    if (address) addresses.push_back(*address);
  }
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses;
}

}  // namespace headwater::zone
