#include "hutch_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define OR_ERRNO(call) ((call) < 0 ? -errno : 0)

int32_t hutch_random(uint8_t *buffer, size_t size) {
  while (size) {
    ssize_t count = getrandom(buffer, size, 0);
    if (count < 0) {
      if (errno == EINTR) continue;
      return -errno;
    }
    buffer += count;
    size -= (size_t)count;
  }
  return 0;
}

static atomic_int interrupt_signal;
static atomic_int interrupt_count;
static int interrupt_event = -1;
static int window_event = -1;

static void on_interrupt(int signal) {
  int saved = errno, none = 0;
  atomic_compare_exchange_strong(&interrupt_signal, &none, signal);
  // Somebody who presses Ctrl-C three times means it.
  if (atomic_fetch_add(&interrupt_count, 1) >= 2) _exit(128 + signal);
  uint64_t one = 1;
  if (write(interrupt_event, &one, sizeof one) < 0) { /* full: readable already */ }
  errno = saved;
}

static void on_window_change(int signal) {
  (void)signal;
  int saved = errno;
  uint64_t one = 1;
  if (write(window_event, &one, sizeof one) < 0) { /* full: readable already */ }
  errno = saved;
}

int32_t hutch_catch_interrupts(void) {
  if (interrupt_event >= 0) return interrupt_event;
  interrupt_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (interrupt_event < 0) return -errno;
  struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  const int signals[] = {SIGINT, SIGTERM, SIGHUP};
  for (size_t i = 0; i < 3; i++) {
    struct sigaction old;
    // nohup and job control in shells say "ignore"; that stays.
    if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN) continue;
    if (sigaction(signals[i], &action, NULL) < 0) return -errno;
  }
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  sigemptyset(&ignore.sa_mask);
  sigaction(SIGPIPE, &ignore, NULL);
  return interrupt_event;
}

int32_t hutch_replace(
    const char *executable, const char *const *arguments, const char *const *environment) {
  // Caught signals become what they were by themselves; an ignored one would stay ignored.
  signal(SIGPIPE, SIG_DFL);
  execve(executable, (char *const *)arguments, (char *const *)environment);
  return -errno;
}

int32_t hutch_interrupted(void) { return atomic_load(&interrupt_signal); }

void hutch_forget_interrupt(void) {
  uint64_t count;
  atomic_store(&interrupt_signal, 0);
  atomic_store(&interrupt_count, 0);
  if (read(interrupt_event, &count, sizeof count) < 0) { /* empty already */ }
}

void hutch_restore_interrupt(int32_t signal) {
  int none = 0;
  if (!atomic_compare_exchange_strong(&interrupt_signal, &none, signal)) return;
  uint64_t one = 1;
  if (write(interrupt_event, &one, sizeof one) < 0) { /* full: readable already */ }
}

int32_t hutch_catch_window_changes(void) {
  if (window_event >= 0) return window_event;
  window_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (window_event < 0) return -errno;
  struct sigaction action = {.sa_handler = on_window_change, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGWINCH, &action, NULL) < 0) return -errno;
  return window_event;
}

int32_t hutch_pidfd(int32_t pid) {
  long fd = syscall(SYS_pidfd_open, pid, 0);
  return fd < 0 ? -errno : (int32_t)fd;
}

int32_t hutch_pidfd_signal(int32_t pidfd, int32_t signal) {
  return OR_ERRNO(syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0));
}

int32_t hutch_reap(int32_t pid, int32_t wait, int32_t *status) {
  for (;;) {
    pid_t got = waitpid(pid, status, wait ? 0 : WNOHANG);
    if (got == pid) return 1;
    if (got == 0) return 0;
    if (errno != EINTR) return -errno;
  }
}

int32_t hutch_become_subreaper(void) { return OR_ERRNO(prctl(PR_SET_CHILD_SUBREAPER, 1)); }

int32_t hutch_pipe(int32_t out[2]) { return OR_ERRNO(pipe2(out, O_CLOEXEC)); }

int32_t hutch_socket_pair(int32_t out[2]) {
  return OR_ERRNO(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out));
}

int32_t hutch_set_nonblocking(int32_t descriptor, int32_t on) {
  int flags = fcntl(descriptor, F_GETFL);
  if (flags < 0) return -errno;
  return OR_ERRNO(fcntl(descriptor, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK));
}

int32_t hutch_duplicate(int32_t descriptor) {
  int fd = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
  return fd < 0 ? -errno : fd;
}

static int32_t unix_address(const char *path, struct sockaddr_un *address) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (strlen(path) >= sizeof address->sun_path) return -ENAMETOOLONG;
  strcpy(address->sun_path, path);
  return 0;
}

int32_t hutch_unix_listen(const char *path) {
  struct sockaddr_un address;
  int32_t result = unix_address(path, &address);
  if (result < 0) return result;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || chmod(path, 0600) < 0 ||
      listen(fd, 64) < 0) {
    result = -errno;
    close(fd);
    return result;
  }
  return fd;
}

int32_t hutch_unix_connect(const char *path) {
  struct sockaddr_un address;
  int32_t result = unix_address(path, &address);
  if (result < 0) return result;
  // Non-blocking: a listener that no longer accepts gives EAGAIN instead of keeping us for ever.
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
    result = -errno;
    close(fd);
    return result;
  }
  return fd;
}

int32_t hutch_tcp_connect(const uint8_t *address, size_t size, uint16_t port) {
  struct sockaddr_storage storage;
  memset(&storage, 0, sizeof storage);
  socklen_t length;
  if (size == 4) {
    struct sockaddr_in *in = (struct sockaddr_in *)&storage;
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    memcpy(&in->sin_addr, address, 4);
    length = sizeof *in;
  } else if (size == 16) {
    struct sockaddr_in6 *in = (struct sockaddr_in6 *)&storage;
    in->sin6_family = AF_INET6;
    in->sin6_port = htons(port);
    memcpy(&in->sin6_addr, address, 16);
    length = sizeof *in;
  } else {
    return -EINVAL;
  }
  int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(fd, (struct sockaddr *)&storage, length) < 0 && errno != EINPROGRESS) {
    int error = errno;
    close(fd);
    return -error;
  }
  return fd;
}

int32_t hutch_socket_error(int32_t descriptor) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) < 0) return errno;
  return error;
}

int32_t hutch_shutdown_write(int32_t descriptor) {
  return shutdown(descriptor, SHUT_WR) < 0 ? -errno : 0;
}

int32_t hutch_accept(int32_t listener) {
  int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  return fd < 0 ? -errno : fd;
}

int32_t hutch_peer_user(int32_t descriptor, uint32_t *uid) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) return -errno;
  *uid = peer.uid;
  return 0;
}

uint32_t hutch_umask(uint32_t mask) { return umask(mask); }

int32_t hutch_mount(const char *source, const char *target, const char *type, uint64_t flags,
                    const char *data) {
  return OR_ERRNO(mount(source, target, type, flags, data));
}

int32_t hutch_unmount(const char *target) { return OR_ERRNO(umount2(target, MNT_DETACH)); }

int32_t hutch_is_terminal(int32_t descriptor) { return isatty(descriptor) ? 1 : 0; }

int32_t hutch_terminal_size(int32_t descriptor, uint16_t *rows, uint16_t *columns) {
  struct winsize size;
  if (ioctl(descriptor, TIOCGWINSZ, &size) < 0) return -errno;
  *rows = size.ws_row;
  *columns = size.ws_col;
  return 0;
}

_Static_assert(sizeof(struct termios) <= 64, "the caller's buffer holds a termios");

int32_t hutch_terminal_raw(int32_t descriptor, uint8_t *saved, size_t size) {
  struct termios state;
  if (size < sizeof state) return -EINVAL;
  if (tcgetattr(descriptor, &state) < 0) return -errno;
  memcpy(saved, &state, sizeof state);
  cfmakeraw(&state);
  return OR_ERRNO(tcsetattr(descriptor, TCSADRAIN, &state));
}

int32_t hutch_terminal_restore(int32_t descriptor, const uint8_t *saved, size_t size) {
  struct termios state;
  if (size < sizeof state) return -EINVAL;
  memcpy(&state, saved, sizeof state);
  return OR_ERRNO(tcsetattr(descriptor, TCSADRAIN, &state));
}

uint64_t hutch_monotonic_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int64_t hutch_unix_time(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec;
}
