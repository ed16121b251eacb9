#include "card.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const uint64_t MS = 1000000;
static const unsigned LOCKED =
    FE_HAS_SIGNAL | FE_HAS_CARRIER | FE_HAS_VITERBI | FE_HAS_SYNC | FE_HAS_LOCK;

pthread_mutex_t card_mutex = PTHREAD_MUTEX_INITIALIZER;
struct card cards[CARDS];
static pthread_t thread;
static bool thread_runs;

const char* card_folder(void) { return getenv("HEADWATER_LAB_DVB"); }

int real_open(const char* path, int flags, mode_t mode) {
  return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

// ---- the log

void log_call(int card, const char* format, ...) {
  char line[4096], path[512];
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  int length = snprintf(line, sizeof line, "{\"time\": %ld.%03ld, \"pid\": %d, \"adapter\": %d, ",
                        (long)now.tv_sec, now.tv_nsec / 1000000, getpid(), card);
  va_list arguments;
  va_start(arguments, format);
  length += vsnprintf(line + length, sizeof line - (size_t)length - 2, format, arguments);
  va_end(arguments);
  if (length > (int)sizeof line - 3) length = (int)sizeof line - 3;
  line[length++] = '}';
  line[length++] = '\n';
  snprintf(path, sizeof path, "%s/log.jsonl", card_folder());
  int fd = real_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd < 0) return;
  syscall(SYS_write, fd, line, (size_t)length);
  syscall(SYS_close, fd);
}

// ---- what the folder says

static FILE* open_text(const char* path) {
  int fd = real_open(path, O_RDONLY | O_CLOEXEC, 0);
  return fd < 0 ? NULL : fdopen(fd, "r");
}

// False: there is no such card.
bool look_at_card(int number, uint64_t now) {
  struct card* card = &cards[number];
  char path[512], line[256];
  struct stat found;
  if (card->used && now - card->looked_ns < 10 * MS) return true;
  card->looked_ns = now;
  snprintf(path, sizeof path, "%s/cards/%d/card", card_folder(), number);
  if (stat(path, &found) != 0) return false;
  if (card->used && found.st_ino == card->seen.st_ino &&
      found.st_mtim.tv_nsec == card->seen.st_mtim.tv_nsec)
    return true;
  FILE* file = open_text(path);
  if (!file) return false;
  // Descriptors of a card that was pulled stay dead when it is back.
  bool dead = card->pulled && card->frontend_open;
  card->seen = found;
  card->system_count = 0;
  card->pulled = dead;
  while (fgets(line, sizeof line, file)) {
    int value;
    sscanf(line, "name %63[^\n]", card->name);
    if (sscanf(line, "pulled %d", &value) == 1) card->pulled = dead || value;
    if (sscanf(line, "system %d", &value) == 1 && card->system_count < 16)
      card->systems[card->system_count++] = value;
  }
  fclose(file);
  if (card->used) return true;
  snprintf(path, sizeof path, "%s/cards/%d/shared", card_folder(), number);
  int fd = real_open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0 || ftruncate(fd, sizeof(struct shared)) != 0) return false;
  card->shared = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  syscall(SYS_close, fd);
  card->used = card->shared != MAP_FAILED;
  card->frontend_fd = card->dvr_fd = card->dvr_write_fd = -1;
  return card->used;
}

// Whether a card that was told `asked` receives what is sent with `sent`.
static bool agrees(unsigned cmd, uint32_t sent, uint32_t asked) {
  switch (cmd) {
    case DTV_FREQUENCY: {
      // Of satellites in kHz, of others in Hz; an LNB is off by some MHz, an aerial is not.
      uint32_t off = sent > asked ? sent - asked : asked - sent;
      return off <= (sent < 10000000 ? 2000 : 200000);
    }
    case DTV_SYMBOL_RATE:
      return asked > sent / 100 * 99 && asked < sent / 100 * 101;
    case DTV_INNER_FEC:
    case DTV_CODE_RATE_HP:
    case DTV_CODE_RATE_LP:
      return sent == asked || asked == FEC_AUTO;
    case DTV_MODULATION:
      return sent == asked || asked == QAM_AUTO;
    case DTV_INVERSION:
      return sent == asked || asked == INVERSION_AUTO;
    case DTV_PILOT:
      return sent == asked || asked == PILOT_AUTO;
    case DTV_ROLLOFF:
      return sent == asked || asked == ROLLOFF_AUTO;
    case DTV_GUARD_INTERVAL:
      return sent == asked || asked == GUARD_INTERVAL_AUTO;
    case DTV_TRANSMISSION_MODE:
      return sent == asked || asked == TRANSMISSION_MODE_AUTO;
    default:
      return sent == asked;
  }
}

static bool receives(const struct card* card, const char* tuning, int* lock_ms) {
  FILE* file = open_text(tuning);
  if (!file) return false;
  bool all = true;
  char line[256];
  while (fgets(line, sizeof line, file)) {
    unsigned cmd, value;
    int number;
    if (sscanf(line, "property %u %u", &cmd, &value) == 2 && cmd < PROPERTIES && card->set[cmd])
      all = all && agrees(cmd, value, card->properties[cmd]);
    if (sscanf(line, "voltage %d", &number) == 1) all = all && card->voltage == number;
    if (sscanf(line, "tone %d", &number) == 1) all = all && card->tone == number;
    if (sscanf(line, "port %d", &number) == 1)
      all = all && (card->port == 0 ? 1 : card->port) == number;
    sscanf(line, "lock_ms %d", lock_ms);
  }
  fclose(file);
  return all && card->set[DTV_FREQUENCY];
}

static void find_carrier(struct card* card, uint64_t now) {
  char path[600];
  on_air_close(&card->air);
  card->found = false;
  snprintf(path, sizeof path, "%s/carriers", card_folder());
  DIR* directory = opendir(path);
  if (!directory) return;
  struct dirent* entry;
  while (!card->found && (entry = readdir(directory))) {
    snprintf(path, sizeof path, "%s/carriers/%s/tuning", card_folder(), entry->d_name);
    card->lock_ms = 100;
    if (entry->d_name[0] == '.' || !receives(card, path, &card->lock_ms)) continue;
    *strrchr(path, '/') = 0;
    card->found = on_air_open(&card->air, path, now);
  }
  closedir(directory);
}

// ---- what the card does by itself

static void push_event(struct card* card, uint32_t status) {
  if (card->event_count == EVENTS)
    memmove(card->events, card->events + 1, sizeof(uint32_t) * --card->event_count);
  card->events[card->event_count++] = status;
  if (card->frontend_fd >= 0) eventfd_write(card->frontend_fd, 1);
}

static void set_status(struct card* card, uint32_t status) {
  if (card->shared->status == status) return;
  card->shared->status = status;
  push_event(card, status);
}

static void follow_signal(struct card* card, uint64_t now) {
  struct shared* shared = card->shared;
  if (!card->tuned_ns) return;
  if (!card->found || !card->air.state.lock) {
    card->lock_ns = 0;
    shared->strength_dbm = -90;
    shared->snr_db = 0;
    if (now - card->tuned_ns > 50 * MS) set_status(card, FE_TIMEDOUT);
    return;
  }
  if (!card->lock_ns) card->lock_ns = now + (uint64_t)card->lock_ms * MS;
  bool locked = now >= card->lock_ns;
  set_status(card, locked ? LOCKED : FE_HAS_SIGNAL | FE_HAS_CARRIER);
  shared->strength_dbm = card->air.state.strength_dbm;
  shared->snr_db = card->air.state.snr_db;
  shared->bit_errors = (uint32_t)card->air.state.bit_errors;
  shared->blocks = (uint32_t)card->air.state.blocks;
}

static void write_dvr(struct card* card, const uint8_t* packets, size_t count) {
  if (!count || write(card->dvr_write_fd, packets, count * TS_BYTES) == (ssize_t)(count * TS_BYTES))
    return;
  if (!card->lost) log_call((int)(card - cards), "\"event\": \"overflow\"");
  card->lost += count;
}

static void deliver(struct card* card, uint64_t now) {
  // A write of at most PIPE_BUF is done whole or not at all.
  uint8_t batch[WRITE_PACKETS][TS_BYTES];
  size_t count = 0;
  if (card->shared->status != LOCKED) {
    card->air.slot = 0;
    return;
  }
  while (on_air_next(&card->air, now, batch[count])) {
    card->shared->bits += TS_BYTES * 8;
    card->shared->block_count++;
    if (card->dvr_write_fd < 0) continue;
    if (!card->filters[ts_pid(batch[count])] && !card->filters[PIDS]) continue;
    if (++count < WRITE_PACKETS) continue;
    write_dvr(card, (uint8_t*)batch, count);
    count = 0;
  }
  write_dvr(card, (uint8_t*)batch, count);
}

// Out of its slot: whoever waits for something is woken, to be told so.
static void pull(struct card* card) {
  if (card->dvr_write_fd >= 0) syscall(SYS_close, card->dvr_write_fd);
  card->dvr_write_fd = -1;
  card->tuned_ns = 0;
  card->shared->status = 0;
  if (card->frontend_fd >= 0) eventfd_write(card->frontend_fd, 1);
}

static void* run(void* unused) {
  for (;;) {
    pthread_mutex_lock(&card_mutex);
    uint64_t now = on_air_now();
    for (int number = 0; number < CARDS; number++) {
      struct card* card = &cards[number];
      if (!card->used || !card->frontend_open || !look_at_card(number, now)) continue;
      if (card->pulled) {
        pull(card);
        continue;
      }
      if (card->found) on_air_look(&card->air, now);
      follow_signal(card, now);
      if (card->found) deliver(card, now);
    }
    pthread_mutex_unlock(&card_mutex);
    nanosleep(&(struct timespec){0, 5 * 1000000}, NULL);
  }
  return unused;
}

void start_cards(void) {
  if (thread_runs) return;
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  thread_runs = pthread_create(&thread, NULL, run, NULL) == 0;
  pthread_sigmask(SIG_SETMASK, &old, NULL);
}

// ---- the calls of the API

static uint16_t of_16_bits(double value, double most) {
  if (value < 0) return 0;
  return value > most ? 65535 : (uint16_t)(value / most * 65535);
}

static int get_info(const struct card* card, struct dvb_frontend_info* info) {
  bool dish = card->system_count && (card->systems[0] == SYS_DVBS || card->systems[0] == SYS_DVBS2);
  memset(info, 0, sizeof *info);
  snprintf(info->name, sizeof info->name, "%s", card->name);
  info->type = dish ? FE_QPSK : FE_OFDM;
  info->frequency_min = dish ? 950000 : 42000000;
  info->frequency_max = dish ? 2150000 : 1002000000;
  info->symbol_rate_min = 100000;
  info->symbol_rate_max = 67500000;
  info->caps = FE_CAN_INVERSION_AUTO | FE_CAN_FEC_1_2 | FE_CAN_FEC_2_3 | FE_CAN_FEC_3_4 |
               FE_CAN_FEC_4_5 | FE_CAN_FEC_5_6 | FE_CAN_FEC_6_7 | FE_CAN_FEC_7_8 | FE_CAN_FEC_8_9 |
               FE_CAN_FEC_AUTO | FE_CAN_QPSK | FE_CAN_QAM_16 | FE_CAN_QAM_64 | FE_CAN_QAM_256 |
               FE_CAN_QAM_AUTO | FE_CAN_TRANSMISSION_MODE_AUTO | FE_CAN_GUARD_INTERVAL_AUTO |
               FE_CAN_HIERARCHY_AUTO | FE_CAN_MULTISTREAM | FE_CAN_2G_MODULATION;
  return 0;
}

static void set_stat(struct dtv_property* property, uint8_t scale, int64_t value) {
  property->u.st.len = 1;
  property->u.st.stat[0].scale = scale;
  property->u.st.stat[0].svalue = value;
}

static void get_property(const struct card* card, struct dtv_property* property) {
  const struct shared* shared = card->shared;
  bool locked = shared->status == LOCKED;
  uint8_t counter = locked ? FE_SCALE_COUNTER : FE_SCALE_NOT_AVAILABLE;
  switch (property->cmd) {
    case DTV_API_VERSION:
      property->u.data = 0x050b;
      break;
    case DTV_ENUM_DELSYS:
      property->u.buffer.len = (uint32_t)card->system_count;
      for (int i = 0; i < card->system_count; i++)
        property->u.buffer.data[i] = (uint8_t)card->systems[i];
      break;
    case DTV_STAT_SIGNAL_STRENGTH:
      set_stat(property, FE_SCALE_DECIBEL, (int64_t)(shared->strength_dbm * 1000));
      break;
    case DTV_STAT_CNR:
      set_stat(property, locked ? FE_SCALE_DECIBEL : FE_SCALE_NOT_AVAILABLE,
               (int64_t)(shared->snr_db * 1000));
      break;
    case DTV_STAT_PRE_ERROR_BIT_COUNT:
    case DTV_STAT_POST_ERROR_BIT_COUNT:
      set_stat(property, counter, (int64_t)((double)shared->bits * shared->bit_errors / 1e9));
      break;
    case DTV_STAT_PRE_TOTAL_BIT_COUNT:
    case DTV_STAT_POST_TOTAL_BIT_COUNT:
      set_stat(property, counter, (int64_t)shared->bits);
      break;
    case DTV_STAT_ERROR_BLOCK_COUNT:
      set_stat(property, counter, shared->blocks);
      break;
    case DTV_STAT_TOTAL_BLOCK_COUNT:
      set_stat(property, counter, (int64_t)shared->block_count);
      break;
    default:
      property->u.data = property->cmd < PROPERTIES ? card->properties[property->cmd] : 0;
  }
}

static bool has_system(const struct card* card, uint32_t system) {
  for (int i = 0; i < card->system_count; i++)
    if (card->systems[i] == (int)system) return true;
  return false;
}

static int set_properties(struct card* card, const struct dtv_properties* all) {
  char text[2048];
  int length = 0;
  bool tune = false;
  for (uint32_t i = 0; i < all->num; i++) {
    const struct dtv_property* property = &all->props[i];
    if (property->cmd >= PROPERTIES) return errno = EINVAL, -1;
    if (property->cmd == DTV_DELIVERY_SYSTEM && !has_system(card, property->u.data))
      return errno = EINVAL, -1;
    length += snprintf(
        text + length, sizeof text - (size_t)length, "%s[%u, %u]", i ? ", " : "", property->cmd,
        property->cmd == DTV_CLEAR || property->cmd == DTV_TUNE ? 0 : property->u.data);
    if (length >= (int)sizeof text) return errno = EINVAL, -1;
    if (property->cmd == DTV_CLEAR) memset(card->set, 0, sizeof card->set);
    tune = tune || property->cmd == DTV_TUNE;
    card->set[property->cmd] = true;
    card->properties[property->cmd] = property->u.data;
  }
  log_call((int)(card - cards), "\"call\": \"FE_SET_PROPERTY\", \"properties\": [%s]", text);
  if (!tune) return 0;
  card->event_count = 0;
  card->tuned_ns = on_air_now();
  card->lock_ns = 0;
  card->shared->status = 0;
  find_carrier(card, card->tuned_ns);
  log_call((int)(card - cards), "\"event\": \"%s\", \"carrier\": \"%s\"",
           card->found ? "tuned" : "nothing there",
           card->found ? strrchr(card->air.folder, '/') + 1 : "");
  return 0;
}

static int get_event(struct card* card, struct dvb_frontend_event* event) {
  eventfd_t unused;
  if (!card->event_count) {
    syscall(SYS_read, card->frontend_fd, &unused, sizeof unused);
    return errno = EWOULDBLOCK, -1;
  }
  memset(event, 0, sizeof *event);
  event->status = card->events[0];
  memmove(card->events, card->events + 1, sizeof(uint32_t) * (size_t)--card->event_count);
  return 0;
}

static int send_diseqc(struct card* card, const struct dvb_diseqc_master_cmd* cmd) {
  log_call((int)(card - cards),
           "\"call\": \"FE_DISEQC_SEND_MASTER_CMD\", \"message\": \"%02x%02x%02x%02x\"",
           cmd->msg[0], cmd->msg[1], cmd->msg[2], cmd->msg[3]);
  // DiSEqC 1.0: "write N0", committed switches; bits 2 and 3 are the position and the option.
  if (cmd->msg[2] == 0x38) card->port = (cmd->msg[3] >> 2 & 3) + 1;
  return 0;
}

int frontend_call(const struct handle* handle, unsigned long request, void* argument) {
  struct card* card = &cards[handle->card];
  bool sets = request == FE_SET_PROPERTY || request == FE_SET_TONE || request == FE_SET_VOLTAGE ||
              request == FE_DISEQC_SEND_MASTER_CMD || request == FE_DISEQC_SEND_BURST;
  if (card->pulled) return errno = ENODEV, -1;
  if (sets && (handle->flags & O_ACCMODE) == O_RDONLY) return errno = EPERM, -1;
  pid_t writer = card->shared->writer;
  if (!writer || (kill(writer, 0) != 0 && errno == ESRCH)) card->shared->status = 0;
  struct dtv_properties* all = argument;
  switch (request) {
    case FE_GET_INFO:
      return get_info(card, argument);
    case FE_GET_PROPERTY:
      for (uint32_t i = 0; i < all->num; i++) get_property(card, &all->props[i]);
      return 0;
    case FE_SET_PROPERTY:
      return set_properties(card, all);
    case FE_GET_EVENT:
      return get_event(card, argument);
    case FE_SET_TONE:
      card->tone = (long)argument == SEC_TONE_ON;
      log_call(handle->card, "\"call\": \"FE_SET_TONE\", \"tone\": %d", card->tone);
      return 0;
    case FE_SET_VOLTAGE:
      card->voltage = (long)argument == SEC_VOLTAGE_13   ? 13
                      : (long)argument == SEC_VOLTAGE_18 ? 18
                                                         : 0;
      log_call(handle->card, "\"call\": \"FE_SET_VOLTAGE\", \"voltage\": %d", card->voltage);
      return 0;
    case FE_DISEQC_SEND_MASTER_CMD:
      return send_diseqc(card, argument);
    case FE_DISEQC_SEND_BURST:
      card->port = (long)argument == SEC_MINI_B ? 2 : 1;
      log_call(handle->card, "\"call\": \"FE_DISEQC_SEND_BURST\", \"port\": %d", card->port);
      return 0;
    case FE_READ_STATUS:
      *(enum fe_status*)argument = card->shared->status;
      return 0;
    case FE_READ_BER:
      *(uint32_t*)argument = card->shared->bit_errors;
      return 0;
    case FE_READ_SIGNAL_STRENGTH:
      *(uint16_t*)argument = of_16_bits(card->shared->strength_dbm + 90, 60);
      return 0;
    case FE_READ_SNR:
      *(uint16_t*)argument = of_16_bits(card->shared->snr_db, 20);
      return 0;
    case FE_READ_UNCORRECTED_BLOCKS:
      *(uint32_t*)argument = card->shared->blocks;
      return 0;
    default:
      return errno = EOPNOTSUPP, -1;
  }
}

void set_filter(struct handle* handle, int pid) {
  uint16_t* filters = cards[handle->card].filters;
  if (handle->pid >= 0) filters[handle->pid]--;
  if (pid >= 0) filters[pid]++;
  handle->pid = pid;
}

int demux_call(struct handle* handle, unsigned long request, void* argument) {
  const struct dmx_pes_filter_params* filter = argument;
  if (cards[handle->card].pulled) return errno = ENODEV, -1;
  switch (request) {
    case DMX_SET_PES_FILTER:
      // PID 8192 is the whole stream.
      if (filter->pid > PIDS || filter->output != DMX_OUT_TS_TAP) return errno = EINVAL, -1;
      set_filter(handle, filter->pid);
      log_call(handle->card, "\"call\": \"DMX_SET_PES_FILTER\", \"ts_pid\": %u", filter->pid);
      return 0;
    case DMX_STOP:
      if (handle->pid >= 0)
        log_call(handle->card, "\"call\": \"DMX_STOP\", \"ts_pid\": %d", handle->pid);
      set_filter(handle, -1);
      return 0;
    case DMX_START:
    case DMX_SET_BUFFER_SIZE:
      return 0;
    default:
      return errno = EINVAL, -1;
  }
}
