#pragma once

#include "services/common/base/result.h"
#include "services/common/wire/byte_reader.h"
#include "services/common/wire/byte_writer.h"
#include "services/membership-watcher/wire/membership_message.h"

// What MLD (RFC 9777 section 5) and IGMP (RFC 9776 section 4) have in common: all but the headers
// and the size of an address.
namespace headwater::membership {

// Zeros when the reader has too few bytes, which it tells itself.
IpAddress ReadAddress(ByteReader& reader, IpAddress::Family family);

// The part of a query behind its group that MLDv2 and IGMPv3 have added:
//  | Resv  |S| QRV |     QQIC      |     Number of Sources (N)     |
//  |               Source Address [1..N]                           |
Result<Query, DropReason> ReadQueryTail(ByteReader& reader, Query query);
void WriteQueryTail(const Query& query, ByteWriter& writer);

// An MLDv2 or IGMPv3 report, behind its checksum:
//  |            Reserved           |    Number of Records (M)      |
//  and M times:
//  |  Record Type  |  Aux Data Len |     Number of Sources (N)     |
//  |                       Multicast Address                       |
//  |               Source Address [1..N]                           |
//  |                  Auxiliary Data (4 x Aux Data Len)            |
Result<Report, DropReason> ReadReport(ByteReader& reader, Version version);

// An older report or leave, at its group: one record without sources.
Result<Report, DropReason> ReadOlderReport(ByteReader& reader, Version version, bool leaves);

// A message of the body, unless that could not be read.
template <typename T>
Result<Message, DropReason> Envelope(const IpAddress& from, const IpAddress& to,
                                     Result<T, DropReason> body) {
  if (!body.ok()) return body.error();
  return Message{from, to, std::move(body).value()};
}

}  // namespace headwater::membership
