/*
 * Emulated links between two network namespaces, for measurements.
 *
 *     links SEED CLIENT_NAMESPACE SERVER_NAMESPACE COUNT
 *
 * Link i is a tun device "link<i>" in each namespace: what the kernel sends into one comes out of the other after
 *
 *     queue (droptail) - rate - loss - delay and jitter, order kept
 *
 * Direction 0 is up (client to server), 1 is down. Commands are lines on stdin, each answered by a line of JSON on
 * stdout, which has at least "at": the moment on CLOCK_MONOTONIC in milliseconds (Node: process.hrtime).
 *
 *     set LINK DIRECTION RATE DELAY JITTER DISTRIBUTION QUEUE LOSS
 *         bit/s counted on IP packets (0: unlimited), ms, ms, 0 uniform | 1 normal | 2 exponential, bytes, 0..1
 *     trace LINK DIRECTION MS:RATE,MS:RATE...   capacity over time, repeated for ever; "-" goes back to the fixed rate
 *     cut LINK DIRECTION | heal LINK DIRECTION  silent loss of everything, also of what is inside
 *     stats | quit
 *
 * It ends on "quit", on the end of stdin, and on SIGTERM, and then takes both namespaces away.
 * One thread, no allocation per packet, memory bounded by what rate, delay and queue allow to be inside.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define MAX_LINKS 16
#define MAX_PACKET 2048         /* The devices' MTU is 1500. */
#define MAX_SEGMENTS 4096       /* Of a capacity trace. */
#define MAX_LINE 65536
#define PACKETS_PER_READ 64     /* From one device, before the others have their turn. */
#define NAP_NS 50000            /* After work: gathers packets, at the price of so much delay at most. */
#define MIN_RING (1u << 20)
#define MAX_RING (1u << 28)
#define RING_SLACK 4            /* Small packets need up to 64 bytes for 40. */
#define WRAP UINT32_MAX         /* Length of a record: the ring goes on at its start. */
#define NEVER INT64_MAX

typedef struct {
  uint32_t length;
  uint32_t lost;
  int64_t arrival; /* Until it is sent; from then on when it is due at the other side. All times are ns. */
  uint8_t bytes[];
} record;

typedef struct {
  int64_t ns;
  double rate;
} segment;

typedef struct {
  int from, to; /* Devices. */
  double rate, delay, jitter, loss; /* bit/s, ns, ns, probability. */
  int distribution;
  uint64_t limit; /* Queue, bytes. */
  int cut;
  segment *segments;
  int segment_count;
  int64_t trace_start, trace_ns;
  uint64_t random;
  /* Positions in the ring grow for ever: [head, unsent) are sent and due some time, [unsent, tail) wait. */
  uint8_t *ring;
  uint64_t size, head, unsent, tail;
  uint64_t queued;  /* Bytes that wait. */
  int64_t free_at;  /* When the last bit of the one being sent leaves. */
  int64_t last_due;
  uint64_t packets_in, bytes_in, packets_out, bytes_out, drop_queue, drop_loss, drop_cut, errors;
  int64_t late_total, late_max;
} direction;

static direction directions[MAX_LINKS][2];
static int count;
static const char *names[2];
static volatile sig_atomic_t ending;

static void fail(const char *what) {
  fprintf(stderr, "links: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* splitmix64 (Steele, Lea, Flood 2014): equal seeds give equal fates. */
static double uniform(direction *d) {
  uint64_t z = (d->random += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

/* As the emulator in TypeScript: uniform +- jitter, normal cut at three deviations, exponential with jitter as mean. */
static double jitter_of(direction *d) {
  double first = uniform(d), second = uniform(d);
  if (d->jitter == 0) return 0;
  if (d->distribution == 0) return d->jitter * (2 * first - 1);
  if (d->distribution == 2) return -log(1 - first) * d->jitter;
  double normal = sqrt(-2 * log(1 - first)) * cos(2 * M_PI * second);
  return d->jitter * fmax(-3, fmin(3, normal));
}

/* When `bits` have been sent that begin at `start`. */
static int64_t sent_at(direction *d, int64_t start, double bits) {
  if (d->segment_count == 0) return d->rate > 0 ? start + (int64_t)(bits / d->rate * 1e9) : start;
  int64_t phase = (start - d->trace_start) % d->trace_ns;
  int i = 0;
  while (phase >= d->segments[i].ns) phase -= d->segments[i++].ns;
  for (int64_t at = start;; i = (i + 1) % d->segment_count, phase = 0) {
    int64_t left = d->segments[i].ns - phase;
    double fits = d->segments[i].rate * (double)left / 1e9;
    if (fits >= bits) return at + (int64_t)(bits / d->segments[i].rate * 1e9);
    bits -= fits;
    at += left;
  }
}

static uint64_t room_for(uint32_t length) {
  return (sizeof(record) + length + 7) & ~(uint64_t)7;
}

/* The record at a position, which skips the rest of a lap; NULL at `end`. */
static record *record_at(direction *d, uint64_t *position, uint64_t end) {
  if (*position == end) return NULL;
  record *r = (record *)(d->ring + (*position & (d->size - 1)));
  if (r->length != WRAP) return r;
  *position = (*position | (d->size - 1)) + 1;
  return *position == end ? NULL : (record *)(d->ring + (*position & (d->size - 1)));
}

/* Where a whole packet can be read to, or NULL while the ring is full. */
static record *next_record(direction *d) {
  uint64_t rest = d->size - (d->tail & (d->size - 1));
  uint64_t need = room_for(MAX_PACKET);
  uint64_t skip = rest < need ? rest : 0;
  if (d->tail + skip + need - d->head > d->size) return NULL;
  if (skip > 0) {
    ((record *)(d->ring + (d->tail & (d->size - 1))))->length = WRAP;
    d->tail += skip;
  }
  return (record *)(d->ring + (d->tail & (d->size - 1)));
}

/* Sends what has its turn by `now`: a change of the rate counts from the next packet on. */
static void advance(direction *d, int64_t now) {
  for (record *r; (r = record_at(d, &d->unsent, d->tail)) != NULL; d->unsent += room_for(r->length)) {
    int64_t start = r->arrival > d->free_at ? r->arrival : d->free_at;
    if (start > now) return;
    d->free_at = sent_at(d, start, r->length * 8.0);
    d->queued -= r->length;
    double wait = d->delay + jitter_of(d);
    int64_t due = d->free_at + (wait > 0 ? (int64_t)wait : 0);
    r->lost = uniform(d) < d->loss;
    if (!r->lost) d->last_due = due = due > d->last_due ? due : d->last_due;
    r->arrival = due;
  }
}

static void take_in(direction *d, int64_t now) {
  static uint8_t scratch[MAX_PACKET];
  for (int i = 0; i < PACKETS_PER_READ; i++) {
    record *r = next_record(d);
    ssize_t length = read(d->from, r == NULL ? scratch : r->bytes, MAX_PACKET);
    if (length <= 0) return;
    d->packets_in++;
    d->bytes_in += (uint64_t)length;
    advance(d, now);
    if (d->cut) {
      d->drop_cut++;
    } else if (r == NULL || (d->queued + (uint64_t)length > d->limit && d->free_at > now)) {
      d->drop_queue++;
    } else {
      r->length = (uint32_t)length;
      r->lost = 0;
      r->arrival = now;
      d->tail += room_for(r->length);
      d->queued += r->length;
    }
  }
}

/* Delivers what is due; gives when to come back. */
static int64_t give_out(direction *d, int64_t now) {
  advance(d, now);
  for (record *r; (r = record_at(d, &d->head, d->unsent)) != NULL; d->head += room_for(r->length)) {
    if (r->lost) {
      d->drop_loss++;
      continue;
    }
    if (r->arrival > now) return r->arrival;
    if (write(d->to, r->bytes, r->length) != (ssize_t)r->length) d->errors++;
    d->packets_out++;
    d->bytes_out += r->length;
    d->late_total += now - r->arrival;
    if (now - r->arrival > d->late_max) d->late_max = now - r->arrival;
  }
  return d->unsent == d->tail ? NEVER : d->free_at;
}

static void empty(direction *d) {
  uint64_t inside = 0;
  for (uint64_t at = d->head; ; inside++) {
    record *r = record_at(d, &at, d->tail);
    if (r == NULL) break;
    at += room_for(r->length);
  }
  d->drop_cut += inside;
  d->head = d->unsent = d->tail;
  d->queued = 0;
  d->free_at = 0;
}

/* Makes room for what rate, delay and queue allow to be inside, and moves what is. */
static void resize(direction *d) {
  double rate = d->rate > 0 ? d->rate : 1e9;
  for (int i = 0; i < d->segment_count; i++) rate = fmax(rate, d->segments[i].rate);
  double inside = rate / 8e9 * (d->delay + 4 * d->jitter + 1e7) + (double)(d->limit < MAX_RING ? d->limit : 0);
  uint64_t size = MIN_RING;
  while (size < MAX_RING && (double)size < RING_SLACK * inside) size *= 2;
  if (size <= d->size) return;
  uint8_t *ring = malloc(size);
  if (ring == NULL) fail("memory");
  uint64_t to = 0, unsent = 0, from = d->head;
  for (record *r; (r = record_at(d, &from, d->tail)) != NULL; from += room_for(r->length)) {
    if (from < d->unsent) unsent = to + room_for(r->length);
    memcpy(ring + to, r, sizeof(record) + r->length);
    to += room_for(r->length);
  }
  free(d->ring);
  d->ring = ring;
  d->size = size;
  d->head = 0;
  d->unsent = unsent;
  d->tail = to;
}

static int set_trace(direction *d, char *text) {
  int segments = 0;
  double total = 0, capacity = 0;
  static segment parsed[MAX_SEGMENTS];
  if (strcmp(text, "-") != 0) {
    for (char *part = strtok(text, ","); part != NULL; part = strtok(NULL, ","), segments++) {
      double ms, rate;
      if (segments == MAX_SEGMENTS || sscanf(part, "%lf:%lf", &ms, &rate) != 2) return 0;
      if (!(ms >= 0.001) || !(rate >= 0)) return 0;
      parsed[segments] = (segment){ (int64_t)(ms * 1e6), rate };
      total += (double)parsed[segments].ns;
      capacity += ms * rate;
    }
    if (!(capacity > 0)) return 0;
  }
  free(d->segments);
  d->segments = malloc((size_t)(segments + 1) * sizeof(segment));
  if (d->segments == NULL) fail("memory");
  memcpy(d->segments, parsed, (size_t)segments * sizeof(segment));
  d->segment_count = segments;
  d->trace_ns = (int64_t)total;
  d->trace_start = now_ns();
  return 1;
}

static int set_direction(direction *d, const char *line) {
  double rate, delay, jitter, queue, loss;
  int distribution;
  if (sscanf(line, "set %*d %*d %lf %lf %lf %d %lf %lf", &rate, &delay, &jitter, &distribution, &queue, &loss) != 6) return 0;
  if (!(rate >= 0 && delay >= 0 && jitter >= 0 && queue >= 0 && loss >= 0 && loss <= 1)) return 0;
  d->rate = rate;
  d->delay = delay * 1e6;
  d->jitter = jitter * 1e6;
  d->distribution = distribution;
  d->limit = (uint64_t)fmin(queue, 1e15);
  d->loss = loss;
  return 1;
}

static void print_stats(int64_t now) {
  printf("{\"at\":%.6f,\"links\":[", (double)now / 1e6);
  for (int i = 0; i < 2 * count; i++) {
    direction *d = &directions[i / 2][i % 2];
    printf("%s{\"packetsIn\":%" PRIu64 ",\"bytesIn\":%" PRIu64 ",\"packetsOut\":%" PRIu64 ",\"bytesOut\":%" PRIu64
           ",\"droppedQueue\":%" PRIu64 ",\"droppedLoss\":%" PRIu64 ",\"droppedCut\":%" PRIu64 ",\"errors\":%" PRIu64
           ",\"queuedBytes\":%" PRIu64 ",\"meanLateMs\":%.4f,\"maxLateMs\":%.4f}%s",
           i % 2 == 0 ? "{\"up\":" : "\"down\":", d->packets_in, d->bytes_in, d->packets_out, d->bytes_out,
           d->drop_queue, d->drop_loss, d->drop_cut, d->errors, d->queued,
           d->packets_out > 0 ? (double)d->late_total / 1e6 / (double)d->packets_out : 0, (double)d->late_max / 1e6,
           i % 2 == 0 ? "," : i + 1 < 2 * count ? "}," : "}");
  }
  printf("]}\n");
}

static void obey(char *line) {
  char verb[16] = "";
  int link = -1, way = -1, taken = 0, good = 0;
  int64_t now = now_ns();
  sscanf(line, "%15s %d %d %n", verb, &link, &way, &taken);
  if (strcmp(verb, "quit") == 0) {
    ending = 1;
    return;
  }
  if (strcmp(verb, "stats") == 0) return print_stats(now);
  if (link >= 0 && link < count && (way == 0 || way == 1)) {
    direction *d = &directions[link][way];
    good = 1;
    advance(d, now);
    if (strcmp(verb, "cut") == 0) {
      d->cut = 1;
      empty(d);
    } else if (strcmp(verb, "heal") == 0) {
      d->cut = 0;
    } else {
      good = strcmp(verb, "set") == 0 ? set_direction(d, line)
           : strcmp(verb, "trace") == 0 && taken > 0 ? set_trace(d, line + taken) : 0;
      if (good) resize(d);
    }
  }
  if (good) printf("{\"at\":%.6f}\n", (double)now / 1e6);
  else printf("{\"at\":%.6f,\"error\":\"not understood\"}\n", (double)now / 1e6);
}

/* Reads commands; false at the end of stdin. */
static int commands(void) {
  static char buffer[MAX_LINE + 1];
  static size_t filled;
  ssize_t length = read(STDIN_FILENO, buffer + filled, MAX_LINE - filled);
  if (length < 0) return errno == EAGAIN || errno == EINTR;
  if (length == 0) return 0;
  filled += (size_t)length;
  buffer[filled] = 0;
  char *line = buffer;
  for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
    *end = 0;
    obey(line);
  }
  filled -= (size_t)(line - buffer);
  memmove(buffer, line, filled);
  fflush(stdout);
  return filled < MAX_LINE;
}

static void namespace_path(char *path, const char *name) {
  snprintf(path, PATH_MAX, "/var/run/netns/%s", name);
}

static int open_device(int link) {
  int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (device < 0) fail("/dev/net/tun");
  struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
  snprintf(request.ifr_name, IFNAMSIZ, "link%d", link);
  if (ioctl(device, TUNSETIFF, &request) < 0) fail("TUNSETIFF");
  return device;
}

static void open_links(uint64_t seed) {
  for (int side = 0; side < 2; side++) {
    char path[PATH_MAX];
    namespace_path(path, names[side]);
    int namespace = open(path, O_RDONLY | O_CLOEXEC);
    if (namespace < 0) fail(path);
    if (setns(namespace, CLONE_NEWNET) < 0) fail("setns");
    close(namespace);
    for (int i = 0; i < count; i++) directions[i][side].from = directions[i][1 - side].to = open_device(i);
  }
  for (int i = 0; i < 2 * count; i++) {
    direction *d = &directions[i / 2][i % 2];
    d->random = seed * 1000003u + (uint64_t)i;
    d->limit = UINT64_MAX;
    resize(d);
  }
}

static void run(void) {
  struct pollfd waits[2 * MAX_LINKS + 1];
  for (int i = 0; i < 2 * count; i++) waits[i] = (struct pollfd){ directions[i / 2][i % 2].from, POLLIN, 0 };
  waits[2 * count] = (struct pollfd){ STDIN_FILENO, POLLIN, 0 };
  for (int64_t next = NEVER; !ending;) {
    int64_t wait = next == NEVER ? 1000000000 : next - now_ns();
    if (wait < 0) wait = 0;
    struct timespec timeout = { wait / 1000000000, wait % 1000000000 };
    int ready = ppoll(waits, (nfds_t)(2 * count + 1), &timeout, NULL);
    if (ready < 0 && errno != EINTR) fail("ppoll");
    int64_t now = now_ns();
    if (ready > 0) {
      for (int i = 0; i < 2 * count; i++)
        if (waits[i].revents != 0) take_in(&directions[i / 2][i % 2], now);
      if (waits[2 * count].revents != 0 && !commands()) return;
    }
    next = NEVER;
    now = now_ns();
    for (int i = 0; i < 2 * count; i++) {
      int64_t due = give_out(&directions[i / 2][i % 2], now);
      if (due < next) next = due;
    }
    if (next != NEVER) nanosleep(&(struct timespec){ 0, NAP_NS }, NULL);
  }
}

static void on_signal(int signal) {
  (void)signal;
  ending = 1;
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "links SEED CLIENT_NAMESPACE SERVER_NAMESPACE COUNT\n");
    return 2;
  }
  names[0] = argv[2];
  names[1] = argv[3];
  count = atoi(argv[4]);
  if (count < 1 || count > MAX_LINKS) return 2;
  signal(SIGTERM, on_signal);
  signal(SIGINT, SIG_IGN); /* Ctrl-C goes to the whole group: the parent ends, and with it stdin. */
  signal(SIGHUP, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_TIMERSLACK, 1);
  /* Stands in for wires, which do not wait for a turn on the processor. Where it is refused, links run late at times. */
  sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ .sched_priority = 1 });
  open_links(strtoull(argv[1], NULL, 10));
  printf("{\"at\":%.6f}\n", (double)now_ns() / 1e6);
  fflush(stdout);
  run();
  for (int side = 0; side < 2; side++) {
    char path[PATH_MAX];
    namespace_path(path, names[side]);
    umount2(path, MNT_DETACH);
    unlink(path);
  }
  return 0;
}
