#include "guest_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/random.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define RESULT(expression) ((expression) < 0 ? -errno : 0)

int32_t guest_reboot(int32_t kind) {
  return RESULT(reboot(kind == GUEST_REBOOT ? RB_AUTOBOOT : RB_POWER_OFF));
}

const char *guest_error_text(int32_t error) { return strerror(error); }

void guest_sync(void) { sync(); }

int32_t guest_set_time(int64_t seconds, uint32_t nanoseconds) {
  struct timespec now = {.tv_sec = seconds, .tv_nsec = nanoseconds};
  return RESULT(clock_settime(CLOCK_REALTIME, &now));
}

int32_t guest_set_hostname(const uint8_t *name, size_t length) {
  return RESULT(sethostname((const char *)name, length));
}

int32_t guest_add_entropy(const uint8_t *bytes, size_t count) {
  // struct rand_pool_info: bits, bytes, content.
  struct { int32_t bits, size; uint8_t bytes[4096]; } pool;
  if (count > sizeof pool.bytes) return -E2BIG;
  int random = open("/dev/urandom", O_RDWR | O_CLOEXEC);
  if (random < 0) return -errno;
  pool.bits = (int32_t)count * 8;
  pool.size = (int32_t)count;
  memcpy(pool.bytes, bytes, count);
  int32_t result = RESULT(ioctl(random, RNDADDENTROPY, &pool));
  if (result == 0) result = RESULT(ioctl(random, RNDRESEEDCRNG));
  close(random);
  explicit_bzero(&pool, sizeof pool);
  return result;
}

int32_t guest_freeze(const char *path, int32_t freeze) {
  int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return -errno;
  int32_t result = RESULT(ioctl(directory, freeze ? FIFREEZE : FITHAW, 0));
  close(directory);
  return result;
}

static uint64_t milliseconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t guest_monotonic_ms(void) { return milliseconds(CLOCK_MONOTONIC); }
uint64_t guest_uptime_ms(void) { return milliseconds(CLOCK_BOOTTIME); }

int32_t guest_open(const char *path, int32_t mode) {
  int flags = O_CLOEXEC | O_NOCTTY;
  switch (mode) {
    case GUEST_OPEN_READ: flags |= O_RDONLY; break;
    case GUEST_OPEN_WRITE: flags |= O_WRONLY; break;
    case GUEST_OPEN_BOTH: flags |= O_RDWR; break;
    case GUEST_OPEN_REPLACE: flags |= O_WRONLY | O_CREAT | O_TRUNC; break;
    case GUEST_OPEN_PORT: flags |= O_RDWR | O_NONBLOCK; break;
    default: return -EINVAL;
  }
  int descriptor = open(path, flags, 0644);
  return descriptor < 0 ? -errno : descriptor;
}

int32_t guest_close(int32_t descriptor) { return RESULT(close(descriptor)); }

int64_t guest_read(int32_t descriptor, uint8_t *buffer, size_t count) {
  for (;;) {
    ssize_t done = read(descriptor, buffer, count);
    if (done >= 0) return done;
    if (errno != EINTR) return -errno;
  }
}

int64_t guest_write(int32_t descriptor, const uint8_t *buffer, size_t count) {
  for (;;) {
    ssize_t done = write(descriptor, buffer, count);
    if (done >= 0) return done;
    if (errno != EINTR) return -errno;
  }
}

int32_t guest_pipe(int32_t out[2]) { return RESULT(pipe2(out, O_CLOEXEC)); }

int32_t guest_set_nonblocking(int32_t descriptor) {
  int flags = fcntl(descriptor, F_GETFL);
  return flags < 0 ? -errno : RESULT(fcntl(descriptor, F_SETFL, flags | O_NONBLOCK));
}

int32_t guest_child_signals(void) {
  signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) return -errno;
  int descriptor = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  return descriptor < 0 ? -errno : descriptor;
}

void guest_drain_signals(int32_t descriptor) {
  struct signalfd_siginfo info[8];
  while (read(descriptor, info, sizeof info) > 0) {}
}

_Static_assert(sizeof(struct guest_poll) == sizeof(struct pollfd), "poll entries");
_Static_assert(offsetof(struct guest_poll, revents) == offsetof(struct pollfd, revents), "poll");
_Static_assert(GUEST_POLL_IN == POLLIN && GUEST_POLL_OUT == POLLOUT, "poll events");
_Static_assert(GUEST_POLL_ERR == POLLERR && GUEST_POLL_HUP == POLLHUP, "poll events");

int32_t guest_poll(struct guest_poll *entries, size_t count, int32_t wait) {
  int ready = poll((struct pollfd *)entries, count, wait);
  return ready < 0 ? (errno == EINTR ? 0 : -errno) : ready;
}
