// A plain UDP forwarder: what a relay could reach at best. It reads up to 64 datagrams by one recvmmsg and hands them on by
// one sendmmsg, both ways, and does nothing else: no ids, no limits, no table.
//
//   forward TARGET_PORT
//
// listens on a port of 127.0.0.1 that the system gives, prints it, and forwards to TARGET_PORT whatever the last peer
// sends. It ends with its stdin, and prints what it used: datagrams, bytes, seconds of CPU.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 64
#define DATAGRAM_BYTES 65536
#define SOCKET_BUFFER_BYTES (4 * 1024 * 1024)

static struct mmsghdr messages[BATCH];
static struct iovec vectors[BATCH];
static struct sockaddr_in names[BATCH];
static char *memory;
static unsigned long long datagrams, bytes;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static int bound(void) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  if (fd < 0) die("socket");
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
  int size = SOCKET_BUFFER_BYTES;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  return fd;
}

static void wait_for_room(int fd) {
  struct pollfd full = {.fd = fd, .events = POLLOUT};
  poll(&full, 1, 100);
}

// Moves what waits at `from` to `peer` by `to`; `heard` learns who sent it.
static void move(int from, int to, const struct sockaddr_in *peer, struct sockaddr_in *heard) {
  for (;;) {
    for (int i = 0; i < BATCH; i++) {
      vectors[i] = (struct iovec){memory + (size_t)i * DATAGRAM_BYTES, DATAGRAM_BYTES};
      messages[i].msg_hdr = (struct msghdr){.msg_name = &names[i],
                                            .msg_namelen = sizeof names[i],
                                            .msg_iov = &vectors[i],
                                            .msg_iovlen = 1};
    }
    int count = recvmmsg(from, messages, BATCH, MSG_DONTWAIT, NULL);
    if (count <= 0) return;
    if (heard != NULL) *heard = names[count - 1];
    for (int i = 0; i < count; i++) {
      vectors[i].iov_len = messages[i].msg_len;
      names[i] = *peer;
      datagrams++;
      bytes += messages[i].msg_len;
    }
    for (int sent = 0; sent < count;) {
      int taken = sendmmsg(to, messages + sent, count - sent, MSG_DONTWAIT);
      if (taken > 0) sent += taken;
      else if (errno == EAGAIN) wait_for_room(to);
      else sent++;
    }
    if (count < BATCH) return;
  }
}

static double seconds(struct timeval time) { return time.tv_sec + time.tv_usec / 1e6; }

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: forward TARGET_PORT\n");
    return 2;
  }
  struct sockaddr_in target = {.sin_family = AF_INET,
                               .sin_port = htons(atoi(argv[1])),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_in client = target;
  memory = malloc((size_t)BATCH * DATAGRAM_BYTES);
  if (memory == NULL) die("malloc");
  int front = bound(), back = bound();
  struct sockaddr_in own;
  socklen_t length = sizeof own;
  getsockname(front, (struct sockaddr *)&own, &length);
  printf("%d\n", ntohs(own.sin_port));
  fflush(stdout);
  struct pollfd waits[3] = {{.fd = front, .events = POLLIN}, {.fd = back, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
  while (!(waits[2].revents & (POLLIN | POLLHUP | POLLERR))) {
    if (poll(waits, 3, -1) < 0 && errno != EINTR) die("poll");
    if (waits[0].revents) move(front, back, &target, &client);
    if (waits[1].revents) move(back, front, &client, NULL);
  }
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  printf("%llu %llu %.6f\n", datagrams, bytes, seconds(used.ru_utime) + seconds(used.ru_stime));
  return 0;
}
