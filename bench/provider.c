/* A provider that costs next to nothing: it answers each request as soon as its last byte is here.
 *
 * Counterparts: load.c and wrk, through a gateway or directly. The model names what it does:
 * bench answers at once, whole or streamed; bench-paced streams 50 events a second for bench-paced-SECONDS,
 * each with the moment at which it was due; bench-idle streams one event and then waits for ever.
 *
 *   provider PORT [CERTIFICATE KEY]        prints "ready", then runs until it is killed */
#include "wire.h"

#define MOST 65536
#define PACE_NS 20000000

struct conn {
  int fd, paced, at;
  SSL *tls;
  char *in;
  size_t in_size, in_room;
  char *out;
  size_t out_size;
  int64_t due_ns, end_ns;
};

static struct conn *conns[MOST];
static struct conn *pacers[MOST];
static int pacing, loop;
static SSL_CTX *context;

static const char WHOLE[] =
    "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"bench\",\"choices\":[{\"index\":0,"
    "\"message\":{\"role\":\"assistant\",\"content\":\"Short and clear.\",\"refusal\":null},\"logprobs\":null,"
    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":220,\"completion_tokens\":4,\"total_tokens\":224}}";
#define EVENT "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"bench\","
static const char DELTA[] = EVENT "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"t=%019lld\"},\"finish_reason\":null}]}\n\n";
static const char STOP[] = EVENT "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
static const char USAGE[] = EVENT "\"choices\":[],\"usage\":{\"prompt_tokens\":220,\"completion_tokens\":4,\"total_tokens\":224}}\n\n";
static const char STREAMED[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

static void done(struct conn *c) {
  if (c->paced) pacers[c->at] = pacers[--pacing], pacers[c->at]->at = c->at;
  conns[c->fd] = NULL;
  if (c->tls) SSL_free(c->tls);
  close(c->fd);
  free(c->in);
  free(c->out);
  free(c);
}

static int flush(struct conn *c) {
  while (c->out_size) {
    ssize_t n = give(c->fd, c->tls, c->out, c->out_size);
    if (n < 0) return errno == EAGAIN;
    memmove(c->out, c->out + n, c->out_size -= (size_t)n);
  }
  return 1;
}

static int say(struct conn *c, const char *text, size_t size) {
  if (!c->out_size && !c->tls) {
    ssize_t n = give(c->fd, NULL, text, size);
    if (n < 0 && errno != EAGAIN) return 0;
    if (n > 0) text += n, size -= (size_t)n;
    if (!size) return 1;
  }
  c->out = realloc(c->out, c->out_size + size);
  memcpy(c->out + c->out_size, text, size);
  c->out_size += size;
  return flush(c);
}

static size_t chunk(char *into, const char *event) {
  return (size_t)sprintf(into, "%zx\r\n%s\r\n", strlen(event), event);
}

static size_t delta(char *into, int64_t due_ns) {
  char event[512];
  snprintf(event, sizeof event, DELTA, (long long)due_ns);
  return chunk(into, event);
}

static size_t ending(char *into) {
  size_t n = chunk(into, STOP);
  n += chunk(into + n, USAGE);
  n += chunk(into + n, "data: [DONE]\n\n");
  return n + (size_t)sprintf(into + n, "0\r\n\r\n");
}

static int answer(struct conn *c, const char *body) {
  char text[4096];
  const char *model = strstr(body, "bench"), *stream = strstr(body, "\"stream\"");
  if (stream) stream += strspn(stream + 8, ": ") + 8;
  if (!stream || *stream != 't') {
    int n = sprintf(text, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s",
                    sizeof WHOLE - 1, WHOLE);
    return say(c, text, (size_t)n);
  }
  int64_t now = now_ns();
  size_t n = (size_t)sprintf(text, "%s", STREAMED);
  n += delta(text + n, now);
  if (model && !strncmp(model, "bench-idle", 10)) return say(c, text, n);
  if (model && !strncmp(model, "bench-paced-", 12)) {
    c->paced = 1, c->at = pacing, c->due_ns = now + PACE_NS;
    c->end_ns = now + (int64_t)atoi(model + 12) * 1000000000;
    pacers[pacing++] = c;
    return say(c, text, n);
  }
  n += ending(text + n);
  return say(c, text, n);
}

static size_t length_of(const char *head) {
  const char *found = strcasestr(head, "\r\ncontent-length:");
  return found ? strtoul(found + 17, NULL, 10) : 0;
}

static int heard(struct conn *c) {
  for (;;) {
    if (c->in_room - c->in_size < 16384) c->in = realloc(c->in, c->in_room += 16384);
    ssize_t n = take(c->fd, c->tls, c->in + c->in_size, 16000);
    if (n == 0) return 0;
    if (n < 0) return errno == EAGAIN;
    c->in[c->in_size += (size_t)n] = 0;
    char *end = strstr(c->in, "\r\n\r\n");
    if (!end) continue;
    size_t whole = (size_t)(end + 4 - c->in) + length_of(c->in);
    if (c->in_size < whole) continue;
    c->in_size = 0;
    if (!answer(c, end + 4)) return 0;
    if (!c->tls) return 1;
  }
}

static void pace(void) {
  int64_t now = now_ns();
  char text[4096];
  for (int i = 0; i < pacing;) {
    struct conn *c = pacers[i];
    int alive = 1;
    while (alive && c->due_ns <= now && c->paced) {
      size_t n = delta(text, c->due_ns);
      c->due_ns += PACE_NS;
      if (c->due_ns > c->end_ns) {
        n += ending(text + n);
        c->paced = 0;
        pacers[i] = pacers[--pacing], pacers[i]->at = i;
      }
      alive = say(c, text, n);
    }
    if (!alive) done(c);
    else if (c->paced) i++;
  }
}

static void accepted(int listener) {
  int fd, one = 1;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    if (fd >= MOST) { close(fd); continue; }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct conn *c = conns[fd] = calloc(1, sizeof *c);
    c->fd = fd;
    if (context) {
      c->tls = SSL_new(context);
      SSL_set_fd(c->tls, fd);
      SSL_set_accept_state(c->tls);
    }
    struct epoll_event wanted = {EPOLLIN | EPOLLRDHUP, {.fd = fd}};
    epoll_ctl(loop, EPOLL_CTL_ADD, fd, &wanted);
  }
}

int main(int argc, char **argv) {
  many_files();
  if (argc == 4) {
    context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_mode(context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS);
    if (!SSL_CTX_use_certificate_chain_file(context, argv[2]) ||
        !SSL_CTX_use_PrivateKey_file(context, argv[3], SSL_FILETYPE_PEM)) die("certificate");
  }
  int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in here;
  loopback(&here, atoi(argv[1]));
  if (bind(listener, (void *)&here, sizeof here) || listen(listener, 4096)) die("listen");
  loop = epoll_create1(0);
  struct epoll_event wanted = {EPOLLIN, {.fd = listener}}, events[512];
  epoll_ctl(loop, EPOLL_CTL_ADD, listener, &wanted);
  puts("ready");
  fflush(stdout);
  for (;;) {
    int n = epoll_wait(loop, events, 512, pacing ? 1 : -1);
    for (int i = 0; i < n; i++) {
      int fd = events[i].data.fd;
      if (fd == listener) { accepted(listener); continue; }
      struct conn *c = conns[fd];
      if (c && (!heard(c) || !flush(c))) done(c);
    }
    if (pacing) pace();
  }
}
