// A carrier on air: one folder's transport stream, played to the wall clock for whoever tunes to
// it.
//
// The folder has
//   loop    whole TS packets of a period of LOOP_MS, in which null packets are room for tables;
//   tables  for each table: its period in ms and its number of packets (two 32-bit numbers, little
//   endian), then the
//           packets. Read again when it is replaced;
//   state   lines of a word and numbers (see struct on_air_state). Read again when it is replaced.
// All receivers of a carrier hear the same packet at the same time, as from a satellite.
#ifndef HEADWATER_LAB_ON_AIR_H
#define HEADWATER_LAB_ON_AIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum { TS_BYTES = 188, LOOP_MS = 7200, TABLES_MAX = 256, PIDS = 8192, NULL_PID = 0x1fff };

struct on_air_state {
  int lock;            // 0: nobody can lock to it
  int play;            // 0: locked, and nothing comes
  int drop, drop_pid;  // a new number `drop` loses the next `drop_count` packets of the PID,
  int drop_count;      //   after they were counted
  double strength_dbm, snr_db;
  int bit_errors, blocks;  // bit errors per 1e9 bits; uncorrected blocks so far
};

struct on_air_table {
  uint32_t period_ms, packets;
  const uint8_t* data;
  uint64_t due_ns;
};

struct on_air {
  char folder[256];
  const uint8_t* loop;
  uint64_t loop_packets;
  uint8_t* tables_data;
  struct on_air_table tables[TABLES_MAX];
  int table_count, table_now;  // table_now < 0: none is being sent
  uint32_t table_next;         // its next packet
  struct stat tables_seen, state_seen;
  struct on_air_state state;
  uint64_t looked_ns;
  uint64_t slot;  // the next one, counted from the epoch
  int drop_seen, drop_left;
  uint8_t counters[PIDS];
};

// The wall clock's, so that receivers in different processes agree.
uint64_t on_air_now(void);

// False: the folder has no carrier.
bool on_air_open(struct on_air* air, const char* folder, uint64_t now);
void on_air_close(struct on_air* air);

// Reads what has been replaced, at most every 10 ms.
void on_air_look(struct on_air* air, uint64_t now);

// One packet that is due by `now`; false: none is. A caller more than a second late has missed what
// came before.
bool on_air_next(struct on_air* air, uint64_t now, uint8_t packet[TS_BYTES]);

static inline int ts_pid(const uint8_t* packet) { return (packet[1] & 0x1f) << 8 | packet[2]; }

#endif
