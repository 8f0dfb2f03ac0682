/* Asks through a gateway, or directly, and tells how long it took: what wrk cannot do.
 *
 * Counterpart: provider.c. Times count from the moment at which a request or an event was due, not from when
 * a busy machine got round to it, so that no delay hides behind another.
 *
 *   load requests PORT TLS REQUESTS_FILE CONNECTIONS RATE SECONDS   each request at its moment: answer's first and last byte
 *   load streams  PORT TLS REQUESTS_FILE STREAMS                    all streams to their end: lateness of each event
 *   load hold     PORT TLS REQUESTS_FILE STREAMS                    opens them, prints "held N", leaves at the end of stdin
 *
 * REQUESTS_FILE holds whole HTTP requests, NUL between them, taken in turn. Prints one line of JSON. */
#include "wire.h"
#include <sys/prctl.h>
#include <sys/resource.h>

struct conn {
  int fd, busy, open, ready, first;
  SSL *tls;
  int64_t due_ns;
  const char *ask;
  size_t left, body;
  char tail[64];
  size_t tail_size;
};

static char *requests[65536];
static int requests_count, next_request, loop, tls_wanted, port, kind;
static struct conn *conns;
static int conns_count, running, opened, failed;
static SSL_CTX *context;
static int64_t *first_ns, *last_ns;
static long firsts, lasts, room;

static int order(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static void figures(const char *name, int64_t *all, long count) {
  qsort(all, (size_t)count, sizeof *all, order);
#define AT(q) (count ? all[(long)((double)(count - 1) * (q))] / 1000 : 0)
  printf("\"%s\":{\"count\":%ld,\"p50_us\":%ld,\"p90_us\":%ld,\"p99_us\":%ld,\"p999_us\":%ld,\"most_us\":%ld}", name, count,
         AT(.5), AT(.9), AT(.99), AT(.999), AT(1.));
}

static void keep(int64_t *all, long *count, int64_t value) {
  if (*count < room) all[(*count)++] = value;
}

static void read_requests(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) die(path);
  static char text[64 << 20];
  size_t size = fread(text, 1, sizeof text - 1, file);
  for (size_t at = 0; at < size && requests_count < 65536; at += strlen(text + at) + 1) requests[requests_count++] = text + at;
}

static void ask(struct conn *c) {
  while (c->left) {
    ssize_t n = give(c->fd, c->tls, c->ask, c->left);
    if (n < 0) return;
    c->ask += n, c->left -= (size_t)n;
  }
}

static void begin(struct conn *c, int64_t due_ns) {
  c->ask = requests[next_request++ % requests_count];
  c->left = strlen(c->ask);
  c->busy = 1, c->first = 0, c->due_ns = due_ns, c->tail_size = 0, c->body = 0;
  ask(c);
}

static void open_one(struct conn *c) {
  struct sockaddr_in to;
  loopback(&to, port);
  int one = 1;
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (c->fd < 0 || connect(c->fd, (void *)&to, sizeof to)) die("connect");
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (tls_wanted) {
    c->tls = SSL_new(context);
    SSL_set_fd(c->tls, c->fd);
    SSL_set_tlsext_host_name(c->tls, "localhost");
    if (SSL_connect(c->tls) != 1) die("handshake");
  }
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  c->open = 1;
  struct epoll_event wanted = {EPOLLIN, {.ptr = c}};
  epoll_ctl(loop, EPOLL_CTL_ADD, c->fd, &wanted);
}

static void ended(struct conn *c, int64_t now) {
  keep(last_ns, &lasts, now - c->due_ns);
  c->busy = 0;
  running--;
}

static void lateness(const char *text, size_t size, int64_t now) {
  for (const char *at = text; (at = memmem(at, (size_t)(text + size - at), "\"t=", 3)); at += 3)
    if (at + 22 <= text + size) keep(first_ns, &firsts, now - strtoll(at + 3, NULL, 10));
}

/* True once the answer's last bytes are here; an answer is one read or more, cut anywhere. */
static int at_end(struct conn *c, const char *text, size_t size) {
  if (!c->body) {
    const char *head = memmem(text, size, "\r\n\r\n", 4), *length = strcasestr(text, "\r\ncontent-length:");
    if (strncmp(text, "HTTP/1.1 200", 12)) failed++;
    if (head && length && length < head) c->body = (size_t)(head + 4 - text) + strtoul(length + 17, NULL, 10);
    else c->body = (size_t)-1;
  }
  if (c->body != (size_t)-1) return (c->body -= size < c->body ? size : c->body) == 0;
  size_t kept = size < 32 ? size : 32;
  if (kept + c->tail_size > sizeof c->tail) memmove(c->tail, c->tail + c->tail_size - 16, 16), c->tail_size = 16;
  memcpy(c->tail + c->tail_size, text + size - kept, kept);
  c->tail_size += kept;
  return c->tail_size >= 5 && !memcmp(c->tail + c->tail_size - 5, "0\r\n\r\n", 5);
}

static void heard(struct conn *c) {
  static char text[65537];
  for (;;) {
    ssize_t n = take(c->fd, c->tls, text, 65536);
    if (n < 0) break;
    int64_t now = now_ns();
    if (n == 0) {
      if (c->busy) failed++, running--;
      c->busy = c->open = 0;
      epoll_ctl(loop, EPOLL_CTL_DEL, c->fd, NULL);
      close(c->fd);
      return;
    }
    text[n] = 0;
    if (!c->first++) {
      opened++;
      if (kind == 'r') keep(first_ns, &firsts, now - c->due_ns);
    }
    if (kind == 's') lateness(text, (size_t)n, now);
    if (c->busy && at_end(c, text, (size_t)n)) ended(c, now);
  }
}

/* To the microsecond, and asleep: who spins here takes the provider's turns on the core that both have. */
static void listen_until(int64_t due_ns) {
  struct epoll_event events[512];
  int64_t wait_ns = due_ns - now_ns();
  struct timespec wait = {0};
  if (wait_ns > 0) wait.tv_sec = wait_ns / 1000000000, wait.tv_nsec = wait_ns % 1000000000;
  int n = epoll_pwait2(loop, events, 512, &wait, NULL);
  if (n < 0 && errno != EINTR) perror("load: epoll_pwait2"), exit(2);
  for (int i = 0; i < n; i++) heard(events[i].data.ptr);
}

static void listen_for(int wait_ms) {
  listen_until(now_ns() + (int64_t)wait_ms * 1000000);
}

static void run_requests(double rate, double seconds) {
  int64_t start = now_ns() + 50000000, step = (int64_t)(1e9 / rate);
  long total = (long)(rate * seconds), asked = 0, missed = 0;
  for (int i = 0; i < conns_count; i++) open_one(&conns[i]);
  int at = 0;
  start = now_ns();
  while (asked < total || running) {
    int64_t now = now_ns();
    int full = 0;
    while (asked < total && start + asked * step <= now) {
      int tried = 0;
      while (tried < conns_count && conns[at % conns_count].busy) at++, tried++;
      struct conn *c = &conns[at++ % conns_count];
      if ((full = c->busy)) break;
      if (!c->open) open_one(c);
      running++;
      begin(c, start + asked++ * step);
    }
    if (now > start + (int64_t)((seconds + 10) * 1e9)) break;
    listen_until(asked >= total || full ? now_ns() + 100000000 : start + asked * step);
  }
  missed = total - asked + running;
  printf("{\"failed\":%d,\"missed\":%ld,\"seconds\":%.3f,", failed, missed, (double)(now_ns() - start) / 1e9);
  figures("first", first_ns, firsts), printf(","), figures("last", last_ns, lasts), puts("}");
}

static void open_streams(void) {
  for (int i = 0; i < conns_count; i++) {
    open_one(&conns[i]);
    running++;
    begin(&conns[i], now_ns());
    if (kind == 'h') while (opened <= i - 64 && !failed) listen_for(1);
    else listen_for(0);
  }
}

static void run_streams(void) {
  open_streams();
  int64_t most = now_ns() + 60000000000;
  while (running > 0 && now_ns() < most) listen_for(50);
  printf("{\"failed\":%d,\"missed\":%d,", failed, running);
  figures("late", first_ns, firsts), puts("}");
}

static void run_hold(void) {
  open_streams();
  int64_t most = now_ns() + 30000000000;
  while (opened < conns_count && !failed && now_ns() < most) listen_for(50);
  printf("held %d\n", opened);
  fflush(stdout);
  char end;
  while (read(0, &end, 1) > 0) continue;
}

int main(int argc, char **argv) {
  if (argc < 6) return fprintf(stderr, "load: see the top of load.c\n"), 2;
  many_files();
  prctl(PR_SET_TIMERSLACK, 1000);
  kind = argv[1][0], port = atoi(argv[2]), tls_wanted = atoi(argv[3]);
  read_requests(argv[4]);
  conns_count = atoi(argv[5]);
  conns = calloc((size_t)conns_count, sizeof *conns);
  room = 8000000;
  first_ns = malloc((size_t)room * sizeof *first_ns), last_ns = malloc((size_t)room * sizeof *last_ns);
  if (tls_wanted) {
    context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  }
  loop = epoll_create1(0);
  if (kind == 'r' && argc == 8) run_requests(atof(argv[6]), atof(argv[7]));
  else if (kind == 's') run_streams();
  else if (kind == 'h') run_hold();
  return 0;
}
