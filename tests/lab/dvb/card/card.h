// A virtual DVB card: what the preloaded calls of preload.c ask of it. Not for use without
// `card_mutex`.
#ifndef HEADWATER_LAB_CARD_H
#define HEADWATER_LAB_CARD_H

#include <linux/dvb/dmx.h>
#include <linux/dvb/frontend.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "on_air.h"

enum {
  CARDS = 8,
  FDS = 1024,
  EVENTS = 16,
  PROPERTIES = DTV_MAX_COMMAND + 1,
  DVR_BYTES = 1 << 20,
  WRITE_PACKETS = 21
};

// What every process sees of a card.
struct shared {
  pid_t writer;  // who has the frontend open for writing
  uint32_t status;
  double strength_dbm, snr_db;
  uint32_t bit_errors, blocks;
  uint64_t bits, block_count;
};

enum kind { NOTHING, FRONTEND, DEMUX, DVR };

struct handle {
  enum kind kind;
  int card, flags;
  int pid;  // of a demux: its filter, -1 for none
};

struct card {
  struct shared* shared;
  bool used, pulled, frontend_open;
  int systems[16], system_count;
  char name[64];
  struct stat seen;
  uint64_t looked_ns;
  int voltage, tone, port;
  bool set[PROPERTIES];
  uint32_t properties[PROPERTIES];
  bool found;  // there is a carrier as it was asked for
  struct on_air air;
  uint64_t tuned_ns, lock_ns;
  int lock_ms;
  int frontend_fd, dvr_fd, dvr_write_fd;
  uint32_t events[EVENTS];  // statuses
  int event_count;
  uint16_t filters[PIDS + 1];  // how many filters each PID has; the last is the whole stream's
  uint64_t lost;               // packets for which the DVR had no room
};

extern pthread_mutex_t card_mutex;
extern struct card cards[CARDS];

// What HEADWATER_LAB_DVB names; NULL: nothing.
const char* card_folder(void);

// By the kernel itself, as our own open() is the program's.
int real_open(const char* path, int flags, mode_t mode);

// One line of the log, from the middle of a JSON object.
__attribute__((format(printf, 2, 3))) void log_call(int card, const char* format, ...);

// False: there is no such card.
bool look_at_card(int number, uint64_t now);

// From now on they find signals and deliver packets by themselves.
void start_cards(void);

// ioctl() of a frontend and of a demux; the demux's filter, -1 for none.
int frontend_call(const struct handle* handle, unsigned long request, void* argument);
int demux_call(struct handle* handle, unsigned long request, void* argument);
void set_filter(struct handle* handle, int pid);

#endif
