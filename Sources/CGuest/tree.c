#include "guest_linux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define RESULT(expression) ((expression) < 0 ? -errno : 0)

int32_t guest_status_at(int32_t directory, const char *name, struct guest_status *out) {
  struct stat status;
  if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0) return -errno;
  out->kind = S_ISREG(status.st_mode)   ? GUEST_REGULAR
              : S_ISDIR(status.st_mode) ? GUEST_DIRECTORY
              : S_ISLNK(status.st_mode) ? GUEST_SYMLINK
                                        : GUEST_OTHER;
  out->mode = status.st_mode & 07777;
  out->uid = status.st_uid;
  out->gid = status.st_gid;
  out->size = (uint64_t)status.st_size;
  out->inode = status.st_ino;
  out->device = status.st_dev;
  out->links = status.st_nlink;
  out->modified = status.st_mtim.tv_sec;
  out->modified_ns = (uint32_t)status.st_mtim.tv_nsec;
  out->changed = status.st_ctim.tv_sec;
  out->changed_ns = (uint32_t)status.st_ctim.tv_nsec;
  return 0;
}

static int32_t open_at(int32_t directory, const char *name, int flags, mode_t mode) {
  int descriptor = openat(directory, name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
  return descriptor < 0 ? -errno : descriptor;
}

int32_t guest_open_directory_at(int32_t directory, const char *name) {
  return open_at(directory, name, O_RDONLY | O_DIRECTORY, 0);
}

int32_t guest_open_file_at(int32_t directory, const char *name) {
  // Without blocking: it may have become a FIFO since it was looked at.
  return open_at(directory, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
}

int32_t guest_create_file_at(int32_t directory, const char *name, uint32_t mode) {
  return open_at(directory, name, O_WRONLY | O_CREAT | O_EXCL, mode);
}

int32_t guest_mkdir_at(int32_t directory, const char *name, uint32_t mode) {
  return RESULT(mkdirat(directory, name, mode));
}

int32_t guest_symlink_at(const char *target, int32_t directory, const char *name) {
  return RESULT(symlinkat(target, directory, name));
}

int32_t guest_rename_at(int32_t directory, const char *name, const char *new_name) {
  return RESULT(renameat(directory, name, directory, new_name));
}

int32_t guest_watcher(void) {
  int descriptor = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  return descriptor < 0 ? -errno : descriptor;
}

int32_t guest_watch(int32_t watcher, int32_t directory, int32_t own_end_only) {
  // inotify knows paths only; this one is the directory that is open, whatever it is called now.
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", directory);
  uint32_t mask = IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_MASK_ADD;
  if (!own_end_only) mask |= IN_CLOSE_WRITE | IN_MOVED_TO;
  return inotify_add_watch(watcher, path, mask) < 0 ? -errno : 0;
}

int32_t guest_drain_watcher(int32_t watcher) {
  char events[4096] __attribute__((aligned(8)));
  int32_t had_any = 0;
  while (read(watcher, events, sizeof events) > 0) had_any = 1;
  return had_any;
}

int32_t guest_link_at(int32_t from, const char *name, int32_t to, const char *new_name) {
  return RESULT(linkat(from, name, to, new_name, 0));
}

int32_t guest_unlink_at(int32_t directory, const char *name, int32_t is_directory) {
  return RESULT(unlinkat(directory, name, is_directory ? AT_REMOVEDIR : 0));
}

int64_t guest_readlink_at(int32_t directory, const char *name, uint8_t *buffer, size_t size) {
  ssize_t count = readlinkat(directory, name, (char *)buffer, size);
  return count < 0 ? -errno : count;
}

int32_t guest_chmod_at(int32_t directory, const char *name, uint32_t mode) {
  return RESULT(fchmodat(directory, name, mode, 0));
}

int32_t guest_chown_at(int32_t directory, const char *name, uint32_t uid, uint32_t gid) {
  return RESULT(fchownat(directory, name, uid, gid, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH));
}

int32_t guest_set_time_at(int32_t directory, const char *name, int64_t seconds, uint32_t ns) {
  struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = seconds, .tv_nsec = ns}};
  return RESULT(utimensat(directory, name, times, AT_SYMLINK_NOFOLLOW));
}

int32_t guest_for_each_entry(int32_t directory, guest_visit visit, void *context) {
  int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return -errno;
  DIR *stream = fdopendir(copy);
  if (stream == NULL) {
    int error = errno;
    close(copy);
    return -error;
  }
  int32_t result = 0;
  struct dirent *entry;
  while (result == 0 && (errno = 0, entry = readdir(stream)) != NULL) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    result = visit(context, entry->d_name, strlen(entry->d_name));
  }
  if (result == 0 && entry == NULL && errno != 0) result = -errno;
  closedir(stream);
  return result;
}

int32_t guest_mkdir(const char *path, uint32_t mode) { return RESULT(mkdir(path, mode)); }
int32_t guest_symlink(const char *target, const char *path) {
  return RESULT(symlink(target, path));
}
int32_t guest_unlink(const char *path) { return RESULT(unlink(path)); }
int32_t guest_rmdir(const char *path) { return RESULT(rmdir(path)); }
int32_t guest_exists(const char *path) { return access(path, F_OK) == 0; }

int32_t guest_is_link(const char *path) {
  char target;
  return readlink(path, &target, 1) >= 0;
}
