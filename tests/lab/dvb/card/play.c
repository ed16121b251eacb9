// play FOLDER: a carrier's transport stream on standard output, to the clock, until nobody reads
// it.
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "on_air.h"

int main(int argc, char** argv) {
  static struct on_air air;
  if (argc != 2 || !on_air_open(&air, argv[1], on_air_now())) {
    fprintf(stderr, "play: no carrier in %s\n", argc == 2 ? argv[1] : "no folder");
    return 1;
  }
  for (;;) {
    uint8_t batch[64][TS_BYTES];
    uint64_t now = on_air_now();
    size_t count = 0;
    on_air_look(&air, now);
    while (count < 64 && on_air_next(&air, now, batch[count])) count++;
    for (size_t sent = 0; sent < count * TS_BYTES;) {
      ssize_t wrote = write(STDOUT_FILENO, (uint8_t*)batch + sent, count * TS_BYTES - sent);
      if (wrote < 0) return 0;
      sent += (size_t)wrote;
    }
    if (count < 64) nanosleep(&(struct timespec){0, 5000000}, NULL);
  }
}
