/*
 * What Linux does over the same links: a transfer by MPTCP (RFC 8684) or TCP, for Node cannot open MPTCP sockets.
 *
 *     mptcp server mptcp|tcp ADDRESS [CONTROL]             prints {"port":N}, then serves one client
 *     mptcp client mptcp|tcp LOCAL|- ADDRESS PORT BYTES SECONDS
 *     mptcp ping   mptcp|tcp LOCAL|- ADDRESS PORT COUNT INTERVAL_MS
 *
 * CONTROL is the congestion control of what the server sends ("cubic"), else that of the system.
 *
 * The client asks for BYTES, checks every one of them, and ends with the last or after SECONDS, whichever is first,
 * counted from just before it dials. It prints a line of JSON: bytes and time, bytes over time every 5 ms, and the
 * longest time between two reads that gave something. `ping` sends 100 bytes COUNT times, each when the answer to the
 * one before has come and INTERVAL_MS have passed, and prints the round trips in milliseconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#define SOL_MPTCP_LEVEL 284
#define MPTCP_INFO_OPTION 1

#define PATTERN_BYTES 1048573 /* A prime: no buffer or segment that comes twice or too early can match by chance. */
#define CHUNK 262144
#define SAMPLE_MS 5
#define MAX_SAMPLES 100000
#define PING_BYTES 100
#define MAX_PINGS 100000
#define IDLE_MS 30000 /* Nothing for so long: the peer is gone. */

static uint8_t pattern[PATTERN_BYTES + CHUNK];
static uint8_t buffer[CHUNK];
static int is_mptcp;

typedef struct {
  uint64_t bytes; /* That the client wants; 0 for echo. */
} request;

static void fail(const char *what) {
  fprintf(stderr, "mptcp: %s: %s\n", what, strerror(errno));
  exit(1);
}

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void fill_pattern(void) {
  uint64_t x = 0x9e3779b97f4a7c15u;
  for (size_t i = 0; i < PATTERN_BYTES; i++) {
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    pattern[i] = (uint8_t)(x >> 32);
  }
  memcpy(pattern + PATTERN_BYTES, pattern, CHUNK);
}

static struct sockaddr_in address_of(const char *text, int port) {
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
  if (inet_pton(AF_INET, text, &address.sin_addr) != 1) {
    fprintf(stderr, "mptcp: \"%s\" is no IPv4 address\n", text);
    exit(2);
  }
  return address;
}

static int open_socket(void) {
  int fd = socket(AF_INET, SOCK_STREAM, is_mptcp ? IPPROTO_MPTCP : IPPROTO_TCP);
  if (fd < 0) fail("socket");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
  return fd;
}

static void send_all(int fd, const void *bytes, size_t length) {
  for (size_t done = 0; done < length;) {
    ssize_t sent = send(fd, (const uint8_t *)bytes + done, length - done, 0);
    if (sent <= 0) fail("send");
    done += (size_t)sent;
  }
}

static int receive_all(int fd, void *bytes, size_t length) {
  for (size_t done = 0; done < length;) {
    ssize_t got = recv(fd, (uint8_t *)bytes + done, length - done, 0);
    if (got <= 0) return 0;
    done += (size_t)got;
  }
  return 1;
}

static int serve(const char *host, const char *control) {
  int listener = open_socket();
  /* Not by sysctl: namespaces may not choose among all. Subflows that join later take it over. */
  if (control != NULL && setsockopt(listener, IPPROTO_TCP, TCP_CONGESTION, control, (socklen_t)strlen(control)) < 0)
    fail(control);
  struct sockaddr_in address = address_of(host, 0);
  socklen_t length = sizeof(address);
  if (bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, 1) < 0) fail("listen");
  getsockname(listener, (struct sockaddr *)&address, &length);
  printf("{\"port\":%d}\n", ntohs(address.sin_port));
  fflush(stdout);
  int fd = accept(listener, NULL, NULL);
  if (fd < 0) fail("accept");
  request wanted;
  if (!receive_all(fd, &wanted, sizeof(wanted))) return 1;
  if (wanted.bytes == 0) {
    while (receive_all(fd, buffer, PING_BYTES)) send_all(fd, buffer, PING_BYTES);
    return 0;
  }
  for (uint64_t done = 0; done < wanted.bytes;) {
    size_t size = wanted.bytes - done < CHUNK ? (size_t)(wanted.bytes - done) : CHUNK;
    ssize_t sent = send(fd, pattern + done % PATTERN_BYTES, size, 0);
    if (sent <= 0) return 0; /* The client had enough. */
    done += (uint64_t)sent;
  }
  shutdown(fd, SHUT_WR);
  while (recv(fd, buffer, CHUNK, 0) > 0) {}
  return 0;
}

static int dial(const char *local, const char *host, int port, uint64_t bytes) {
  int fd = open_socket();
  if (strcmp(local, "-") != 0) {
    struct sockaddr_in from = address_of(local, 0);
    if (bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0) fail("bind");
  }
  struct sockaddr_in to = address_of(host, port);
  if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) fail("connect");
  request wanted = { bytes };
  send_all(fd, &wanted, sizeof(wanted));
  return fd;
}

/* Subflows besides the first: the first byte of struct mptcp_info. -1 where it is TCP, asked for or fallen back to. */
static int further_subflows(int fd) {
  uint8_t info[512];
  socklen_t length = sizeof(info);
  if (getsockopt(fd, SOL_MPTCP_LEVEL, MPTCP_INFO_OPTION, info, &length) < 0) return -1;
  return info[0];
}

static int fetch(char **args) {
  static double times[MAX_SAMPLES];
  static uint64_t counts[MAX_SAMPLES];
  size_t samples = 0;
  uint64_t wanted = strtoull(args[3], NULL, 10), done = 0;
  double start = now_ms(), deadline = start + atof(args[4]) * 1e3, last = 0, gap = 0, gap_at = 0;
  int fd = dial(args[0], args[1], atoi(args[2]), wanted), subflows = -1;
  while (done < wanted) {
    double now = now_ms();
    if (now >= deadline) break;
    double wait = deadline - now < IDLE_MS ? deadline - now : IDLE_MS;
    int ready = poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, (int)wait + 1);
    if (ready < 0) fail("poll");
    if (ready == 0) continue;
    ssize_t got = recv(fd, buffer, CHUNK, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) continue;
    if (got <= 0) fail("the transfer ended early");
    now = now_ms();
    if (memcmp(buffer, pattern + done % PATTERN_BYTES, (size_t)got) != 0) {
      fprintf(stderr, "mptcp: wrong bytes after %" PRIu64 "\n", done);
      return 1;
    }
    done += (uint64_t)got;
    if (last > 0 && now - last > gap) gap = now - last, gap_at = last - start;
    last = now;
    int in_new = samples == 0 || (int64_t)((now - start) / SAMPLE_MS) != (int64_t)(times[samples - 1] / SAMPLE_MS);
    if (in_new && samples < MAX_SAMPLES) samples++;
    times[samples - 1] = now - start;
    counts[samples - 1] = done;
    int further = further_subflows(fd);
    if (further > subflows) subflows = further;
  }
  double end = done < wanted ? deadline : last;
  if (done < wanted && last > 0 && end - last > gap) gap = end - last, gap_at = last - start;
  printf("{\"startedAtMs\":%.3f,\"seconds\":%.6f,\"bytes\":%" PRIu64 ",\"longestGapMs\":%.3f,\"longestGapAtMs\":%.3f"
         ",\"subflows\":%d,\"samples\":[", start, (end - start) / 1e3, done, gap, gap_at, subflows + 1);
  for (size_t i = 0; i < samples; i++) printf("%s[%.1f,%" PRIu64 "]", i == 0 ? "" : ",", times[i], counts[i]);
  printf("]}\n");
  return 0;
}

static int ping(char **args) {
  int pings = atoi(args[3]);
  double interval = atof(args[4]);
  if (pings < 1 || pings > MAX_PINGS) return 2;
  int fd = dial(args[0], args[1], atoi(args[2]), 0);
  printf("{\"roundTripsMs\":[");
  for (int i = 0; i < pings; i++) {
    double start = now_ms();
    memcpy(buffer, pattern + i, PING_BYTES);
    send_all(fd, buffer, PING_BYTES);
    if (!receive_all(fd, buffer, PING_BYTES) || memcmp(buffer, pattern + i, PING_BYTES) != 0) fail("echo");
    double took = now_ms() - start;
    printf("%s%.4f", i == 0 ? "" : ",", took);
    if (took < interval) usleep((useconds_t)((interval - took) * 1e3));
  }
  printf("]}\n");
  return 0;
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* Never outlives who measures. */
  if (argc < 4) return 2;
  is_mptcp = strcmp(argv[2], "mptcp") == 0;
  fill_pattern();
  if (strcmp(argv[1], "server") == 0) return serve(argv[3], argc > 4 ? argv[4] : NULL);
  if (argc == 8 && strcmp(argv[1], "client") == 0) return fetch(argv + 3);
  if (argc == 8 && strcmp(argv[1], "ping") == 0) return ping(argv + 3);
  return 2;
}
