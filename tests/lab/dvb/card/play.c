// play FOLDER                          a carrier's transport stream on standard output, to the
// clock, play FOLDER ADDRESS PORT INTERFACE   or in datagrams of seven packets to a numeric
// address, by an
//                                      interface where it is a group; until nobody reads it.
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "on_air.h"

enum { PER_DATAGRAM = 7 };

// A socket that sends to what the words name; it ends the program if there is none.
static int open_sender(char** words) {
  struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_DGRAM};
  struct addrinfo* found = NULL;
  int interface = (int)if_nametoindex(words[2]);
  if (getaddrinfo(words[0], words[1], &hints, &found) != 0) exit(2);
  int fd = socket(found->ai_family, SOCK_DGRAM, 0);
  struct ip_mreqn by = {.imr_ifindex = interface};
  if (found->ai_family == AF_INET6)
    setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &interface, sizeof interface);
  else
    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof by);
  if (connect(fd, found->ai_addr, found->ai_addrlen) != 0) exit(2);
  freeaddrinfo(found);
  return fd;
}

int main(int argc, char** argv) {
  static struct on_air air;
  if ((argc != 2 && argc != 5) || !on_air_open(&air, argv[1], on_air_now())) {
    fprintf(stderr, "play: no carrier in %s\n", argc >= 2 ? argv[1] : "no folder");
    return 1;
  }
  int fd = argc == 5 ? open_sender(argv + 2) : STDOUT_FILENO;
  uint8_t batch[PER_DATAGRAM][TS_BYTES];
  size_t count = 0;
  for (;;) {
    uint64_t now = on_air_now();
    on_air_look(&air, now);
    while (on_air_next(&air, now, batch[count])) {
      if (++count < PER_DATAGRAM) continue;
      // Nobody may have the port open just now; a pipe without a reader ends us by its signal.
      if (write(fd, batch, sizeof batch) < 0 && argc == 2) return 0;
      count = 0;
    }
    nanosleep(&(struct timespec){0, 5000000}, NULL);
  }
}
