/* What both ends of a measurement share: sockets that never block, TLS where it is asked for, the clock.
 *
 * Counterparts: provider.c answers, load.c asks. Both run on one machine and read one clock. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static inline int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline void die(const char *what) {
  perror(what);
  exit(1);
}

static inline void many_files(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  struct rlimit wanted = {65536, 65536};
  if (limit.rlim_max >= 65536 || setrlimit(RLIMIT_NOFILE, &wanted)) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

/* One read or write; -1 and EAGAIN when it has to wait, 0 at the end. */
static inline ssize_t take(int fd, SSL *tls, void *into, size_t size) {
  if (!tls) return recv(fd, into, size, 0);
  int n = SSL_read(tls, into, (int)size);
  if (n > 0) return n;
  int why = SSL_get_error(tls, n);
  errno = EAGAIN;
  return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? -1 : 0;
}

static inline ssize_t give(int fd, SSL *tls, const void *from, size_t size) {
  if (!tls) return send(fd, from, size, MSG_NOSIGNAL);
  int n = SSL_write(tls, from, (int)size);
  if (n > 0) return n;
  int why = SSL_get_error(tls, n);
  errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : EPIPE;
  return -1;
}

static inline void loopback(struct sockaddr_in *to, int port) {
  memset(to, 0, sizeof *to);
  to->sin_family = AF_INET;
  to->sin_port = htons((uint16_t)port);
  to->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}
