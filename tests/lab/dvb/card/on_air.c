#include "on_air.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const uint64_t MS = 1000000;
static const uint64_t LATE_NS = 1000000000;

uint64_t on_air_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

// A whole file in memory of its own; NULL: it is not there. By system calls alone: this also runs
// inside a process whose open() and read() are ours.
static uint8_t* read_file(const char* folder, const char* name, size_t* size, struct stat* seen) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return NULL;
  fstat(fd, seen);
  *size = (size_t)seen->st_size;
  uint8_t* data = malloc(*size + 1);
  size_t have = 0;
  long got;
  while (have < *size && (got = syscall(SYS_read, fd, data + have, *size - have)) > 0)
    have += (size_t)got;
  syscall(SYS_close, fd);
  data[*size = have] = 0;
  return data;
}

static bool replaced(const char* folder, const char* name, const struct stat* seen) {
  char path[512];
  struct stat now;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return stat(path, &now) == 0 &&
         (now.st_ino != seen->st_ino || now.st_mtim.tv_nsec != seen->st_mtim.tv_nsec ||
          now.st_mtim.tv_sec != seen->st_mtim.tv_sec);
}

static void read_tables(struct on_air* air, uint64_t now) {
  size_t size = 0;
  uint8_t* data = read_file(air->folder, "tables", &size, &air->tables_seen);
  if (!data) return;
  free(air->tables_data);
  air->tables_data = data;
  air->table_count = 0;
  air->table_now = -1;
  for (size_t at = 0; at + 8 <= size && air->table_count < TABLES_MAX;) {
    struct on_air_table* table = &air->tables[air->table_count++];
    memcpy(&table->period_ms, data + at, 4);
    memcpy(&table->packets, data + at + 4, 4);
    table->data = data + at + 8;
    table->due_ns = now;
    at += 8 + (size_t)table->packets * TS_BYTES;
  }
}

static void read_state(struct on_air* air) {
  size_t size = 0;
  char* text = (char*)read_file(air->folder, "state", &size, &air->state_seen);
  if (!text) return;
  struct on_air_state state = {.lock = 1, .play = 1, .strength_dbm = -50, .snr_db = 12};
  char* rest = NULL;
  for (char* line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    sscanf(line, "lock %d", &state.lock);
    sscanf(line, "play %d", &state.play);
    sscanf(line, "drop %d %d %d", &state.drop, &state.drop_pid, &state.drop_count);
    sscanf(line, "strength_dbm %lf", &state.strength_dbm);
    sscanf(line, "snr_db %lf", &state.snr_db);
    sscanf(line, "bit_errors %d", &state.bit_errors);
    sscanf(line, "blocks %d", &state.blocks);
  }
  free(text);
  air->state = state;
  if (state.drop != air->drop_seen) {
    air->drop_seen = state.drop;
    air->drop_left = state.drop_count;
  }
}

void on_air_look(struct on_air* air, uint64_t now) {
  if (now - air->looked_ns < 10 * MS) return;
  air->looked_ns = now;
  if (replaced(air->folder, "tables", &air->tables_seen)) read_tables(air, now);
  if (replaced(air->folder, "state", &air->state_seen)) read_state(air);
}

bool on_air_open(struct on_air* air, const char* folder, uint64_t now) {
  memset(air, 0, sizeof *air);
  snprintf(air->folder, sizeof air->folder, "%s", folder);
  size_t size = 0;
  struct stat unused;
  air->loop = read_file(folder, "loop", &size, &unused);
  if (!air->loop) return false;
  air->loop_packets = size / TS_BYTES;
  air->table_now = -1;
  read_tables(air, now);
  read_state(air);
  air->drop_left = 0;  // an order to lose packets is for those who listened then
  return air->loop_packets > 0;
}

void on_air_close(struct on_air* air) {
  free((void*)air->loop);
  free(air->tables_data);
  memset(air, 0, sizeof *air);
}

// Which slot begins last before a time, and when a slot begins.
static uint64_t slot_at(const struct on_air* air, uint64_t now) {
  uint64_t loop_ns = LOOP_MS * MS;
  return now / loop_ns * air->loop_packets + now % loop_ns * air->loop_packets / loop_ns;
}

static uint64_t slot_ns(const struct on_air* air, uint64_t slot) {
  uint64_t loop_ns = LOOP_MS * MS;
  return slot / air->loop_packets * loop_ns +
         slot % air->loop_packets * loop_ns / air->loop_packets;
}

// EN 300 468 annex C and section 5.2.5: the date as a Julian day, the time in BCD.
static void set_utc(uint8_t* utc, uint64_t now) {
  time_t seconds = (time_t)(now / 1000000000);
  struct tm tm;
  gmtime_r(&seconds, &tm);
  unsigned day = (unsigned)(seconds / 86400) + 40587;
  int parts[3] = {tm.tm_hour, tm.tm_min, tm.tm_sec};
  utc[0] = (uint8_t)(day >> 8);
  utc[1] = (uint8_t)day;
  for (int i = 0; i < 3; i++) utc[2 + i] = (uint8_t)(parts[i] / 10 * 16 + parts[i] % 10);
}

// Fills a slot that the loop leaves to the tables. Those of one PID must not be mixed, so one is
// sent after the other.
static void fill_with_table(struct on_air* air, uint64_t at, uint8_t* packet) {
  if (air->table_now < 0) {
    for (int i = 0; i < air->table_count; i++) {
      bool sooner =
          air->table_now < 0 || air->tables[i].due_ns < air->tables[air->table_now].due_ns;
      if (air->tables[i].due_ns <= at && sooner) air->table_now = i;
    }
    if (air->table_now < 0) return;
    air->table_next = 0;
  }
  struct on_air_table* table = &air->tables[air->table_now];
  memcpy(packet, table->data + (size_t)air->table_next * TS_BYTES, TS_BYTES);
  // TDT, which has no CRC: pointer field, table id, length, the time.
  if (ts_pid(packet) == 0x14 && packet[5] == 0x70) set_utc(packet + 8, at);
  if (++air->table_next < table->packets) return;
  table->due_ns = at + table->period_ms * MS;
  air->table_now = -1;
}

static void move_stamp(uint8_t* at, uint64_t ticks) {
  uint64_t old = (uint64_t)(at[0] >> 1 & 7) << 30 | (uint64_t)at[1] << 22 |
                 (uint64_t)(at[2] >> 1) << 15 | (uint64_t)at[3] << 7 | at[4] >> 1;
  uint64_t moved = (old + ticks) & 0x1ffffffff;
  at[0] = (uint8_t)((at[0] & 0xf1) | (moved >> 30 & 7) << 1);
  at[1] = (uint8_t)(moved >> 22);
  at[2] = (uint8_t)((moved >> 15 & 0x7f) << 1 | 1);
  at[3] = (uint8_t)(moved >> 7);
  at[4] = (uint8_t)(moved << 1 | 1);
}

// PCR, PTS and DTS of the loop's n-th round (ISO/IEC 13818-1 sections 2.4.3.5 and 2.4.3.7).
static void move_times(uint8_t* packet, uint64_t round) {
  uint64_t ticks = round * LOOP_MS * 90;
  size_t payload = 4;
  if (packet[3] & 0x20) {
    payload += 1 + (size_t)packet[4];
    if (packet[4] > 0 && packet[5] & 0x10) {
      uint64_t base = (uint64_t)packet[6] << 25 | (uint64_t)packet[7] << 17 |
                      (uint64_t)packet[8] << 9 | (uint64_t)packet[9] << 1 | packet[10] >> 7;
      base = (base + ticks) & 0x1ffffffff;
      for (int i = 0; i < 4; i++) packet[6 + i] = (uint8_t)(base >> (25 - 8 * i));
      packet[10] = (uint8_t)((packet[10] & 0x7f) | (base & 1) << 7);
    }
  }
  bool starts = packet[1] & 0x40 && packet[3] & 0x10 && !(packet[3] & 0xc0);
  if (!starts || payload + 19 > TS_BYTES || memcmp(packet + payload, "\0\0\1", 3)) return;
  if (packet[payload + 7] & 0x80) move_stamp(packet + payload + 9, ticks);
  if (packet[payload + 7] & 0x40) move_stamp(packet + payload + 14, ticks);
}

bool on_air_next(struct on_air* air, uint64_t now, uint8_t packet[TS_BYTES]) {
  if (!air->state.play || !air->state.lock) {
    air->slot = 0;
    return false;
  }
  uint64_t at = slot_ns(air, air->slot);
  if (at + LATE_NS < now) {
    at = slot_ns(air, air->slot = slot_at(air, now));
    // What was missed had counters.
    for (int pid = 0; pid < PIDS; pid++) air->counters[pid] = (air->counters[pid] + 7) & 15;
  }
  if (at > now) return false;
  memcpy(packet, air->loop + air->slot % air->loop_packets * TS_BYTES, TS_BYTES);
  if (ts_pid(packet) == NULL_PID)
    fill_with_table(air, at, packet);
  else
    move_times(packet, air->slot / air->loop_packets);
  air->slot++;
  int pid = ts_pid(packet);
  // The counter stands still where there is no payload.
  if (packet[3] & 0x10) air->counters[pid] = (air->counters[pid] + 1) & 15;
  packet[3] = (uint8_t)((packet[3] & 0xf0) | air->counters[pid]);
  if (air->drop_left > 0 && pid == air->state.drop_pid) {
    air->drop_left--;
    return on_air_next(air, now, packet);
  }
  return true;
}
