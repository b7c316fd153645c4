#include "guest_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

int32_t guest_terminal(int32_t out[2], uint32_t uid, uint16_t rows, uint16_t columns) {
  int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master < 0) return -errno;
  int unlock = 0;
  struct winsize size = {.ws_row = rows, .ws_col = columns};
  int slave = -1;
  if (ioctl(master, TIOCSPTLCK, &unlock) == 0 && ioctl(master, TIOCSWINSZ, &size) == 0)
    slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave < 0 || fchown(slave, uid, (gid_t)-1) < 0) {
    int error = errno;
    if (slave >= 0) close(slave);
    close(master);
    return -error;
  }
  out[0] = master;
  out[1] = slave;
  return 0;
}

int32_t guest_resize(int32_t master, uint16_t rows, uint16_t columns) {
  struct winsize size = {.ws_row = rows, .ws_col = columns};
  return ioctl(master, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

static void enter_cgroup(const char *path) {
  if (path == NULL) return;
  int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  if (write(file, "0", 1) < 0) { /* it then stays where it is */ }
  close(file);
}

static void plain_child(const char *cgroup) {
  setsid();
  enter_cgroup(cgroup);
  // The helper of `start` is spared by the OOM killer; what it starts is not.
  int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file >= 0) {
    if (write(file, "0", 1) < 0) { /* as above */ }
    close(file);
  }
  for (int number = 1; number < 65; number++) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  umask(022);
}

// Puts the three descriptors, all above 2, into place.
static int place(int input, int output, int error) {
  return dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(error, 2) < 0 ? -1 : 0;
}

static _Noreturn void report(int pipe, int32_t stage, int32_t error) {
  int32_t message[2] = {stage, error};
  if (write(pipe, message, sizeof message) < 0) { /* the parent sees an early end */ }
  _exit(127);
}

static _Noreturn void run(const struct guest_command *command, int pipe) {
  plain_child(command->cgroup);
  if (command->is_terminal && ioctl(command->input, TIOCSCTTY, 0) < 0)
    report(pipe, GUEST_STAGE_START, errno);
  if (place(command->input, command->output, command->error) < 0)
    report(pipe, GUEST_STAGE_START, errno);
  close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  if (setgroups(command->group_count, command->groups) < 0 || setgid(command->gid) < 0 ||
      setuid(command->uid) < 0)
    report(pipe, GUEST_STAGE_USER, errno);
  if (chdir(command->directory) < 0 && (!command->directory_is_optional || chdir("/") < 0))
    report(pipe, GUEST_STAGE_DIRECTORY, errno);
  // As execvp: a file that can't be executed is only reported if no later one can.
  int error = ENOENT;
  for (const char *const *path = command->candidates; *path != NULL; path++) {
    execve(*path, (char *const *)command->arguments, (char *const *)command->environment);
    if (errno != ENOENT && errno != ENOTDIR && error == ENOENT) error = errno;
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) break;
  }
  report(pipe, GUEST_STAGE_EXECUTE, error);
}

int32_t guest_start(const struct guest_command *command, int32_t *stage) {
  *stage = GUEST_STAGE_START;
  int32_t pipe[2];
  int32_t result = guest_pipe(pipe);
  if (result < 0) return result;
  pid_t child = fork();
  if (child == 0) run(command, pipe[1]);
  int error = errno;
  close(pipe[1]);
  if (child < 0) {
    close(pipe[0]);
    return -error;
  }
  int32_t message[2];
  ssize_t count;
  do count = read(pipe[0], message, sizeof message);
  while (count < 0 && errno == EINTR);
  close(pipe[0]);
  if (count == 0) return child;
  waitpid(child, NULL, 0);
  if (count != sizeof message) return -EIO;
  *stage = message[0];
  return -message[1];
}

int32_t guest_start_worker(int32_t input, int32_t output, int32_t error, const char *cgroup) {
  pid_t child = fork();
  if (child != 0) return child < 0 ? -errno : child;
  plain_child(cgroup);
  signal(SIGPIPE, SIG_IGN);
  if (place(input, output, error) < 0) _exit(125);
  close_range(3, ~0U, 0);
  struct rlimit files = {524288, 524288};
  setrlimit(RLIMIT_NOFILE, &files);
  return 0;
}

_Noreturn void guest_exit(int32_t code) { _exit(code); }

int32_t guest_reap(int32_t *signalled, int32_t *value) {
  int status;
  pid_t child = waitpid(-1, &status, WNOHANG);
  if (child < 0) return -errno;
  if (child == 0) return 0;
  *signalled = WIFSIGNALED(status) ? 1 : 0;
  *value = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  return child;
}

int32_t guest_has_children(void) {
  siginfo_t info;
  return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

int32_t guest_signal_group(int32_t pid, int32_t number) {
  return kill(pid == -1 ? -1 : -pid, number) < 0 ? -errno : 0;
}

int32_t guest_signal_init(int32_t reboot) {
  // systemd(1), "Signals": SIGRTMIN+4 starts poweroff.target, SIGRTMIN+5 reboot.target.
  return kill(1, SIGRTMIN + (reboot ? 5 : 4)) < 0 ? -errno : 0;
}
