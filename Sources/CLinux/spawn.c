#include "hutch_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seccomp.h"

const uint64_t hutch_ms_rdonly = MS_RDONLY, hutch_ms_nosuid = MS_NOSUID,
               hutch_ms_nodev = MS_NODEV, hutch_ms_noexec = MS_NOEXEC, hutch_ms_rec = MS_REC,
               hutch_ms_private = MS_PRIVATE, hutch_ms_bind = MS_BIND,
               hutch_ms_remount = MS_REMOUNT, hutch_ms_strictatime = MS_STRICTATIME;
const int32_t hutch_rlimit_nproc = RLIMIT_NPROC, hutch_rlimit_nofile = RLIMIT_NOFILE,
              hutch_rlimit_core = RLIMIT_CORE, hutch_rlimit_as = RLIMIT_AS,
              hutch_rlimit_data = RLIMIT_DATA;

struct report { int32_t error; struct hutch_spawn_failure failure; };

// Everything from here to `spawned` runs in the child after fork: async-signal-safe calls only.

static void fail(int pipe, int stage, int action, int error) {
  struct report report = {error, {stage, action}};
  if (write(pipe, &report, sizeof report) < 0) { /* the parent is gone; nobody to tell */ }
  _exit(127);
}

static int write_file(const char *path, const char *text, size_t size, int flags, mode_t mode) {
  int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | flags, mode);
  if (fd < 0) return -1;
  ssize_t count = write(fd, text, size);
  if ((flags & O_CREAT) && fchmod(fd, mode) < 0) count = -1;
  int error = errno;
  close(fd);
  errno = error;
  return count == (ssize_t)size ? 0 : -1;
}

static int bring_loopback_up(void) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};
  memcpy(request.ifr_name, "lo", 3);
  int result = ioctl(fd, SIOCSIFFLAGS, &request);
  close(fd);
  return result;
}

static int perform(const struct hutch_action *action) {
  switch (action->kind) {
    case HUTCH_MOUNT:
      return mount(action->a, action->b, action->c, action->number, action->data);
    case HUTCH_BIND: {
      if (mount(action->a, action->b, NULL, MS_BIND | MS_REC, NULL) < 0) return -1;
      if (!action->number) return 0;
      // A bind ignores flags; they come with a remount. In a user namespace the flags that the
      // mount already had are locked and must be repeated: first try plain, then with them.
      unsigned long flags = MS_BIND | MS_REMOUNT | action->number;
      if (mount(NULL, action->b, NULL, flags, NULL) == 0) return 0;
      if (errno != EPERM) return -1;
      flags |= MS_NOSUID | MS_NODEV;
      if (mount(NULL, action->b, NULL, flags, NULL) == 0) return 0;
      flags |= MS_NOEXEC;
      if (mount(NULL, action->b, NULL, flags, NULL) == 0) return 0;
      flags &= ~(unsigned long)MS_NOEXEC;
      return mount(NULL, action->b, NULL, flags | MS_NOATIME, NULL);
    }
    case HUTCH_MKDIR:
      return mkdir(action->b, (mode_t)action->number) < 0 && errno != EEXIST ? -1 : 0;
    case HUTCH_SYMLINK_AT:
      return symlink(action->a, action->b) < 0 && errno != EEXIST ? -1 : 0;
    case HUTCH_TOUCH: {
      int fd = open(action->b, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
      if (fd < 0) return -1;
      close(fd);
      return 0;
    }
    case HUTCH_WRITE:
      return write_file(action->b, action->data, (size_t)action->limit, O_CREAT | O_TRUNC,
                        (mode_t)action->number);
    case HUTCH_PIVOT:
      // pivot_root(2), "pivot_root(".", ".")": the old root ends up on top of the new one.
      if (chdir(action->b) < 0) return -1;
      if (syscall(SYS_pivot_root, ".", ".") < 0) return -1;
      if (umount2(".", MNT_DETACH) < 0) return -1;
      return chdir("/");
    case HUTCH_CHDIR:
      return chdir(action->b);
    case HUTCH_HOSTNAME:
      return sethostname(action->a, strlen(action->a));
    case HUTCH_LOOPBACK:
      return bring_loopback_up();
    case HUTCH_UMASK:
      umask((mode_t)action->number);
      return 0;
    case HUTCH_ONE_CPU: {
      cpu_set_t have, one;
      if (sched_getaffinity(0, sizeof have, &have) < 0) return 0;
      CPU_ZERO(&one);
      for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++)
        if (CPU_ISSET(cpu, &have)) CPU_SET(cpu, &one);
      if (sched_setaffinity(0, sizeof one, &one) < 0) { /* as many as before, then */ }
      return 0;
    }
    case HUTCH_LIMIT: {
      struct rlimit limit = {action->limit, action->limit};
      return setrlimit((int)action->number, &limit);
    }
    case HUTCH_TELL:
      return write_file(action->b, action->data, (size_t)action->limit, 0, 0);
  }
  errno = EINVAL;
  return -1;
}

// Moves what the child keeps to where it wants it. First all to high numbers, so that no move
// overwrites one that is still to be moved. Returns the report pipe's new number.
static int arrange(const struct hutch_spawn *spawn, int report) {
  enum { MOST = 64 };
  int kept[MOST];
  if (spawn->descriptor_count > MOST) {
    errno = E2BIG;
    return -1;
  }
  int base = (int)spawn->descriptor_count + 3;
  int moved = fcntl(report, F_DUPFD_CLOEXEC, base);
  if (moved < 0) return -1;
  for (size_t i = 0; i < spawn->descriptor_count; i++) {
    int from = spawn->descriptors[i];
    int opened = -1;
    if (from < 0) {
      opened = from = open("/dev/null", O_RDWR | O_CLOEXEC);
      if (from < 0) return -1;
    }
    kept[i] = fcntl(from, F_DUPFD_CLOEXEC, base);
    if (opened >= 0) close(opened);
    if (kept[i] < 0) return -1;
  }
  for (size_t i = 0; i < spawn->descriptor_count; i++)
    if (dup2(kept[i], (int)i) < 0) return -1;
  // dup2 clears close-on-exec; everything else is closed by exec or here.
  if (syscall(SYS_close_range, (unsigned)spawn->descriptor_count, (unsigned)moved - 1, 0) < 0)
    return -1;
  if (syscall(SYS_close_range, (unsigned)moved + 1, ~0u, 0) < 0) return -1;
  return moved;
}

static void reset_signals(void) {
  struct sigaction normal = {.sa_handler = SIG_DFL};
  sigemptyset(&normal.sa_mask);
  for (int signal = 1; signal < 65; signal++)
    if (signal != SIGKILL && signal != SIGSTOP) sigaction(signal, &normal, NULL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

// PID 1 of a pid namespace: reaps whatever is left to it and ends as the command ended. Its own
// end makes the kernel kill everything that the command left behind.
static void be_init(pid_t command) {
  int status;
  for (;;) {
    pid_t got = waitpid(-1, &status, 0);
    if (got == command) break;
    if (got < 0 && errno != EINTR) _exit(127);
  }
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static volatile sig_atomic_t inner_init;

static void kill_inner_init(int signal) {
  (void)signal;
  kill(inner_init, SIGKILL);
}

// Stands outside of a pid namespace for its PID 1. Told to end it takes the namespace along and
// waits for that: whoever waits for us then knows that nothing in there is left.
static void be_deputy(pid_t init) {
  inner_init = init;
  struct sigaction action = {.sa_handler = kill_inner_init};
  static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
    sigaction(signals[i], &action, NULL);
  int status;
  while (waitpid(init, &status, 0) < 0 && errno == EINTR) {}
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static void prepare_and_exec(const struct hutch_spawn *spawn, int report) {
  for (size_t i = 0; i < spawn->action_count; i++)
    if (perform(&spawn->actions[i]) < 0) fail(report, HUTCH_AT_ACTION, (int)i, errno);
  // Now, so that the group that an action entered is the root of what is seen inside.
  if ((spawn->flags & HUTCH_NEW_CGROUP) && unshare(CLONE_NEWCGROUP) < 0)
    fail(report, HUTCH_AT_NAMESPACE, 2, errno);
  if (spawn->directory && chdir(spawn->directory) < 0)
    fail(report, HUTCH_AT_DIRECTORY, 0, errno);
  if (spawn->flags & HUTCH_NEW_PID) {
    pid_t command = fork();
    if (command < 0) fail(report, HUTCH_AT_FORK, 0, errno);
    if (command > 0) {
      // Nothing of ours may stay open here, or a reader of the command's output would wait for us.
      syscall(SYS_close_range, 0u, ~0u, 0);
      be_init(command);
    }
    setsid();
  }
  if ((spawn->flags & HUTCH_SECCOMP) && hutch_install_step_filter() < 0)
    fail(report, HUTCH_AT_SECCOMP, 0, errno);
  execve(spawn->path, spawn->arguments, spawn->environment);
  fail(report, HUTCH_AT_EXEC, 0, errno);
}

static void run_child(const struct hutch_spawn *spawn, pid_t parent, int report, int unshared,
                      int mapped) {
  reset_signals();
  if (spawn->flags & HUTCH_NEW_SESSION) setsid();
  if (spawn->flags & HUTCH_DIE_WITH_PARENT) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
  }
  int namespaces = 0;
  if (spawn->flags & HUTCH_NEW_USER) namespaces |= CLONE_NEWUSER;
  if (spawn->flags & HUTCH_NEW_MOUNT) namespaces |= CLONE_NEWNS;
  if (spawn->flags & HUTCH_NEW_PID) namespaces |= CLONE_NEWPID;
  if (spawn->flags & HUTCH_NEW_NET) namespaces |= CLONE_NEWNET;
  if (spawn->flags & HUTCH_NEW_IPC) namespaces |= CLONE_NEWIPC;
  if (spawn->flags & HUTCH_NEW_UTS) namespaces |= CLONE_NEWUTS;
  if (namespaces && unshare(namespaces) < 0) fail(report, HUTCH_AT_NAMESPACE, 0, errno);
  if (spawn->flags & HUTCH_NEW_USER) {
    char byte = 1;
    if (write(unshared, &byte, 1) != 1 || read(mapped, &byte, 1) != 1)
      fail(report, HUTCH_AT_MAP, 0, EPIPE);
    // Root inside, whatever we were outside; groups of the caller have no place here.
    if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0) fail(report, HUTCH_AT_MAP, 1, errno);
    // Changing ids clears the parent-death signal.
    if (spawn->flags & HUTCH_DIE_WITH_PARENT) prctl(PR_SET_PDEATHSIG, SIGKILL);
  }
  if ((spawn->flags & HUTCH_NEW_MOUNT) &&
      mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
    fail(report, HUTCH_AT_NAMESPACE, 1, errno);
  report = arrange(spawn, report);
  if (report < 0) _exit(127);
  if (spawn->flags & HUTCH_NEW_PID) {
    pid_t first = fork();
    if (first < 0) fail(report, HUTCH_AT_FORK, 0, errno);
    if (first > 0) {
      syscall(SYS_close_range, 0u, ~0u, 0);
      be_deputy(first);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
  }
  prepare_and_exec(spawn, report);
}

// --- the parent's side -------------------------------------------------------------------------

static int map_directly(pid_t pid, const char *which, const struct hutch_id_range *ranges,
                        size_t count) {
  char path[64], text[2048];
  size_t used = 0;
  snprintf(path, sizeof path, "/proc/%d/%s", pid, which);
  for (size_t i = 0; i < count && used < sizeof text - 64; i++)
    used += (size_t)snprintf(text + used, sizeof text - used, "%u %u %u\n", ranges[i].inside,
                             ranges[i].outside, ranges[i].count);
  return write_file(path, text, used, 0, 0) < 0 ? -errno : 0;
}

static int map_by_tool(pid_t pid, const char *tool, const struct hutch_id_range *ranges,
                       size_t count) {
  enum { MOST = 20 };
  if (count > MOST) return -E2BIG;
  char numbers[1 + 3 * MOST][12];
  char *arguments[3 + 3 * MOST];
  int next = 0, number = 0;
  arguments[next++] = (char *)tool;
  snprintf(numbers[number], 12, "%d", pid);
  arguments[next++] = numbers[number++];
  for (size_t i = 0; i < count; i++) {
    const uint32_t values[] = {ranges[i].inside, ranges[i].outside, ranges[i].count};
    for (int j = 0; j < 3; j++) {
      snprintf(numbers[number], 12, "%u", values[j]);
      arguments[next++] = numbers[number++];
    }
  }
  arguments[next] = NULL;
  char *environment[] = {NULL};
  pid_t child = fork();
  if (child < 0) return -errno;
  if (child == 0) {
    reset_signals();
    execve(tool, arguments, environment);
    _exit(127);
  }
  int status;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return -errno;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}

static int map_ids(const struct hutch_spawn *spawn, pid_t pid) {
  int result = spawn->newuidmap ? map_by_tool(pid, spawn->newuidmap, spawn->uids, spawn->uid_count)
                                : map_directly(pid, "uid_map", spawn->uids, spawn->uid_count);
  if (result < 0) return result;
  if (!spawn->newgidmap && spawn->gid_count == 1 && spawn->gids[0].count == 1 && getuid() != 0) {
    // An unprivileged single mapping of groups is only allowed after giving up setgroups(2).
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/setgroups", pid);
    if (write_file(path, "deny", 4, 0, 0) < 0) return -errno;
  }
  return spawn->newgidmap ? map_by_tool(pid, spawn->newgidmap, spawn->gids, spawn->gid_count)
                          : map_directly(pid, "gid_map", spawn->gids, spawn->gid_count);
}

static void close_all(const int *descriptors, int count) {
  for (int i = 0; i < count; i++)
    if (descriptors[i] >= 0) close(descriptors[i]);
}

int32_t hutch_spawn(const struct hutch_spawn *spawn, struct hutch_spawn_failure *failure) {
  int pipes[6] = {-1, -1, -1, -1, -1, -1};
  int *report = pipes, *unshared = pipes + 2, *mapped = pipes + 4;
  *failure = (struct hutch_spawn_failure){HUTCH_AT_FORK, 0};
  if (pipe2(report, O_CLOEXEC) < 0 || pipe2(unshared, O_CLOEXEC) < 0 ||
      pipe2(mapped, O_CLOEXEC) < 0) {
    int error = errno;
    close_all(pipes, 6);
    return -error;
  }
  // No handler of ours may run in the child before it has put the signals back.
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &old);
  pid_t parent = getpid();
  pid_t pid = fork();
  if (pid == 0) {
    close(report[0]);
    close(unshared[0]);
    close(mapped[1]);
    run_child(spawn, parent, report[1], unshared[1], mapped[0]);
    _exit(127);
  }
  int error = errno;
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  close(report[1]);
  close(unshared[1]);
  close(mapped[0]);
  report[1] = unshared[1] = mapped[0] = -1;
  if (pid < 0) {
    close_all(pipes, 6);
    return -error;
  }
  int result = pid;
  if (spawn->flags & HUTCH_NEW_USER) {
    char byte;
    ssize_t count;
    do count = read(unshared[0], &byte, 1);
    while (count < 0 && errno == EINTR);
    if (count == 1) {
      int mapping = map_ids(spawn, pid);
      if (mapping < 0) {
        *failure = (struct hutch_spawn_failure){HUTCH_AT_MAP, 0};
        result = mapping;
      } else if (write(mapped[1], &byte, 1) != 1) {
        result = -EPIPE;
      }
    }
  }
  if (result > 0) {
    struct report answer;
    ssize_t count;
    do count = read(report[0], &answer, sizeof answer);
    while (count < 0 && errno == EINTR);
    if (count == (ssize_t)sizeof answer) {
      *failure = answer.failure;
      result = answer.error > 0 ? -answer.error : -EIO;
    }
  }
  close_all(pipes, 6);
  if (result < 0) {
    int status;
    kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
  }
  return result;
}
