#include "guest_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

static int32_t is_init;
static char *argument_zero;

// 101 is the first priority that a program may have: before everything of Swift's.
__attribute__((constructor(101))) static void come_up(int argc, char **argv) {
  if (argc > 0) argument_zero = argv[0];
  if (getpid() != 1) return;
  is_init = 1;
  mkdir("/dev", 0755);
  mkdir("/proc", 0555);
  mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
  mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  int console = open("/dev/console", O_RDWR | O_NOCTTY);
  if (console < 0) console = open("/dev/null", O_RDWR);
  for (int i = 0; i < 3; i++)
    if (console != i) dup2(console, i);
  if (console > 2) close(console);
}

int32_t guest_came_up(void) { return is_init; }

int32_t guest_mount(const char *source, const char *target, const char *type, uint32_t flags,
                    const char *options) {
  unsigned long system = 0;
  if (flags & GUEST_READ_ONLY) system |= MS_RDONLY;
  if (flags & GUEST_BIND) system |= MS_BIND;
  if (flags & GUEST_NO_ACCESS_TIME) system |= MS_NOATIME;
  if (flags & GUEST_REMOUNT) system |= MS_REMOUNT;
  if (flags & GUEST_NO_SUID) system |= MS_NOSUID;
  if (flags & GUEST_NO_DEVICES) system |= MS_NODEV;
  if (flags & GUEST_NO_EXEC) system |= MS_NOEXEC;
  return mount(source, target, type, system, options) < 0 ? -errno : 0;
}

int32_t guest_move_mount(const char *from, const char *to) {
  return mount(from, to, NULL, MS_MOVE, NULL) < 0 ? -errno : 0;
}

int32_t guest_load_module(const char *path) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return -errno;
  long result = syscall(SYS_finit_module, file, "", 0);
  int error = errno;
  close(file);
  return result < 0 && error != EEXIST ? -error : 0;
}

int32_t guest_switch_root(const char *path) {
  if (chdir(path) < 0) return -errno;
  if (mount(".", "/", NULL, MS_MOVE, NULL) < 0) return -errno;
  if (chroot(".") < 0) return -errno;
  return chdir("/") < 0 ? -errno : 0;
}

int32_t guest_loopback_up(void) {
  int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (s < 0) return -errno;
  struct ifreq request;
  memset(&request, 0, sizeof request);
  strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  int32_t result = ioctl(s, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
  close(s);
  return result;
}

static uint32_t little32(const uint8_t *p) {
  return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

#define GROW_EXT4 _IOW('f', 16, uint64_t)

int32_t guest_grow(const char *device, const char *mount_point) {
  int disk = open(device, O_RDONLY | O_CLOEXEC);
  if (disk < 0) return -errno;
  uint8_t super[1024];
  uint64_t size = 0;
  int32_t result = 0;
  if (pread(disk, super, sizeof super, 1024) != sizeof super) result = -EIO;
  else if (ioctl(disk, BLKGETSIZE64, &size) < 0) result = -errno;
  close(disk);
  if (result < 0) return result;
  // The superblock of ext4: s_blocks_count_lo, s_log_block_size, s_magic, s_feature_incompat,
  // s_blocks_count_hi.
  if (super[0x38] != 0x53 || super[0x39] != 0xef) return -EINVAL;
  uint64_t blocks = little32(super + 0x4);
  if (little32(super + 0x60) & 0x80) blocks |= (uint64_t)little32(super + 0x150) << 32;
  uint32_t shift = little32(super + 0x18);
  if (shift > 6) return -EINVAL;
  uint64_t wanted = size >> (10 + shift);
  if (wanted <= blocks) return 0;
  int root = open(mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return -errno;
  result = ioctl(root, GROW_EXT4, &wanted) < 0 ? -errno : 1;
  close(root);
  return result;
}

int32_t guest_raise_limits(void) {
  struct rlimit files = {1024, 524288};
  return setrlimit(RLIMIT_NOFILE, &files) < 0 ? -errno : 0;
}

static void write_text(const char *path, const char *text) {
  int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  if (write(file, text, strlen(text)) < 0) { /* nothing better to do */ }
  close(file);
}

int32_t guest_hand_over(const char *path, const char *const *environment) {
  pid_t helper = fork();
  if (helper < 0) return -errno;
  if (helper > 0) {
    char *const arguments[] = {(char *)path, NULL};
    execve(path, arguments, (char *const *)environment);
    return -errno;
  }
  setsid();
  write_text("/proc/self/oom_score_adj", "-1000");
  if (argument_zero != NULL && argument_zero[0] != 0) argument_zero[0] = '@';
  return 0;
}
