// A DVB card for a program that is preloaded with this: its open(), read(), readv(), ioctl() and
// close() of /dev/dvb/adapterN/{frontend0,demux0,dvr0} are answered here, after the Linux DVB API
// version 5. Nothing else of the program is changed, and any other path goes to the kernel.
//
// The folder that HEADWATER_LAB_DVB names has
//   cards/N/card      lines "system 5" (a fe_delivery_system, the first is the preferred one),
//   "pulled 1", "name TEXT"; cards/N/shared    made here: struct shared, so that whoever opens the
//   frontend sees the same signal; carriers/*/tuning how a carrier is received: lines "property CMD
//   VALUE" of DTV_*, "voltage V", "tone T", "port P",
//                     "lock_ms MS"; the rest of the carrier's folder is on_air.h's;
//   log.jsonl         every call that sets something, one JSON object a line.
// A carrier is locked to when all of its properties are those that were set, or the card may find
// them by itself.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "card.h"

static struct handle handles[FDS];

static int open_frontend(int number, int flags) {
  struct card* card = &cards[number];
  int fd = eventfd(0, EFD_NONBLOCK | (flags & O_CLOEXEC ? EFD_CLOEXEC : 0));
  if ((flags & O_ACCMODE) == O_RDONLY) return fd;
  pid_t writer = card->shared->writer;
  if (writer && (kill(writer, 0) == 0 || errno != ESRCH)) {
    syscall(SYS_close, fd);
    return errno = EBUSY, -1;
  }
  memset(card->shared, 0, sizeof *card->shared);
  card->shared->writer = getpid();
  card->frontend_fd = fd;
  card->frontend_open = true;
  start_cards();
  log_call(number, "\"call\": \"open\"");
  return fd;
}

static int open_dvr(int number, int flags) {
  int ends[2];
  if (cards[number].dvr_fd >= 0) return errno = EBUSY, -1;
  if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return -1;
  fcntl(ends[0], F_SETPIPE_SZ, DVR_BYTES);
  if (!(flags & O_NONBLOCK)) fcntl(ends[0], F_SETFL, 0);
  cards[number].dvr_fd = ends[0];
  cards[number].dvr_write_fd = ends[1];
  return ends[0];
}

static int open_device(const char* path, int flags) {
  int number;
  char name[32];
  if (sscanf(path, "/dev/dvb/adapter%d/%31s", &number, name) != 2 || number < 0 || number >= CARDS)
    return errno = ENOENT, -1;
  int fd = -1;
  pthread_mutex_lock(&card_mutex);
  struct handle handle = {NOTHING, number, flags, -1};
  if (!strcmp(name, "frontend0")) handle.kind = FRONTEND;
  if (!strcmp(name, "demux0")) handle.kind = DEMUX;
  if (!strcmp(name, "dvr0")) handle.kind = DVR;
  if (handle.kind == NOTHING || !look_at_card(number, on_air_now())) {
    errno = ENOENT;
  } else if (cards[number].pulled) {
    log_call(number, "\"event\": \"open of a pulled card\"");
    errno = ENODEV;
  } else {
    fd = handle.kind == FRONTEND ? open_frontend(number, flags)
         : handle.kind == DVR    ? open_dvr(number, flags)
                                 : eventfd(0, EFD_CLOEXEC);
    if (fd >= 0 && fd < FDS) handles[fd] = handle;
  }
  pthread_mutex_unlock(&card_mutex);
  return fd;
}

static struct handle* handle_of(int fd) {
  return fd >= 0 && fd < FDS && handles[fd].kind != NOTHING ? &handles[fd] : NULL;
}

static bool is_device(const char* path) { return card_folder() && !strncmp(path, "/dev/dvb/", 9); }

#define OPEN_MODE(flags, mode)             \
  mode_t mode = 0;                         \
  if ((flags) & (O_CREAT | __O_TMPFILE)) { \
    va_list arguments;                     \
    va_start(arguments, flags);            \
    mode = va_arg(arguments, mode_t);      \
    va_end(arguments);                     \
  }

int open(const char* path, int flags, ...) {
  OPEN_MODE(flags, mode)
  return is_device(path) ? open_device(path, flags) : real_open(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  OPEN_MODE(flags, mode)
  return is_device(path) ? open_device(path, flags) : real_open(path, flags, mode);
}

int openat(int at, const char* path, int flags, ...) {
  OPEN_MODE(flags, mode)
  return is_device(path) ? open_device(path, flags)
                         : (int)syscall(SYS_openat, at, path, flags, mode);
}

int close(int fd) {
  pthread_mutex_lock(&card_mutex);
  struct handle* handle = handle_of(fd);
  if (handle) {
    struct card* card = &cards[handle->card];
    if (handle->kind == DEMUX) set_filter(handle, -1);
    if (handle->kind == DVR) {
      if (card->dvr_write_fd >= 0) syscall(SYS_close, card->dvr_write_fd);
      card->dvr_fd = card->dvr_write_fd = -1;
    }
    if (handle->kind == FRONTEND && fd == card->frontend_fd) {
      card->shared->writer = 0;
      card->frontend_fd = -1;
      card->frontend_open = false;
    }
    handle->kind = NOTHING;
  }
  pthread_mutex_unlock(&card_mutex);
  return (int)syscall(SYS_close, fd);
}

int ioctl(int fd, unsigned long request, ...) {
  va_list arguments;
  va_start(arguments, request);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  struct handle* handle = handle_of(fd);
  if (!handle) return (int)syscall(SYS_ioctl, fd, request, argument);
  pthread_mutex_lock(&card_mutex);
  int result = 0;
  if (handle->kind == FRONTEND) result = frontend_call(handle, request, argument);
  if (handle->kind == DEMUX) result = demux_call(handle, request, argument);
  pthread_mutex_unlock(&card_mutex);
  return result;
}

// A pulled card's DVR has an error to tell, not an end. It takes its time, as whoever asks may do
// so for ever.
static bool is_pulled(int fd) {
  struct handle* handle = handle_of(fd);
  if (!handle || handle->kind != DVR || !cards[handle->card].pulled) return false;
  usleep(1000);
  return true;
}

ssize_t read(int fd, void* buffer, size_t size) {
  if (is_pulled(fd)) return errno = EIO, -1;
  return syscall(SYS_read, fd, buffer, size);
}

ssize_t readv(int fd, const struct iovec* parts, int count) {
  if (is_pulled(fd)) return errno = EIO, -1;
  return syscall(SYS_readv, fd, parts, count);
}
