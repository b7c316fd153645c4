#include "hutch_linux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

const int32_t hutch_o_path = O_PATH, hutch_o_directory = O_DIRECTORY,
              hutch_o_nofollow = O_NOFOLLOW, hutch_o_cloexec = O_CLOEXEC, hutch_o_creat = O_CREAT,
              hutch_o_excl = O_EXCL, hutch_o_trunc = O_TRUNC, hutch_o_rdonly = O_RDONLY,
              hutch_o_rdwr = O_RDWR, hutch_o_wronly = O_WRONLY, hutch_o_append = O_APPEND,
              hutch_o_nonblock = O_NONBLOCK, hutch_at_fdcwd = AT_FDCWD;

#define OR_ERRNO(call) ((call) < 0 ? -errno : 0)

int32_t hutch_status_at(int32_t directory, const char *name, struct hutch_status *out) {
  struct statx s;
  int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (name[0] ? 0 : AT_EMPTY_PATH);
  if (statx(directory, name, flags, STATX_BASIC_STATS, &s) < 0) return -errno;
  memset(out, 0, sizeof *out);
  switch (s.stx_mode & S_IFMT) {
    case S_IFREG: out->kind = HUTCH_REGULAR; break;
    case S_IFDIR: out->kind = HUTCH_DIRECTORY; break;
    case S_IFLNK: out->kind = HUTCH_SYMLINK; break;
    case S_IFCHR: out->kind = HUTCH_CHARACTER; break;
    case S_IFBLK: out->kind = HUTCH_BLOCK; break;
    case S_IFIFO: out->kind = HUTCH_FIFO; break;
    default: out->kind = HUTCH_SOCKET; break;
  }
  out->mode = s.stx_mode & 07777;
  out->uid = s.stx_uid;
  out->gid = s.stx_gid;
  out->size = (int64_t)s.stx_size;
  out->modified = s.stx_mtime.tv_sec;
  out->modified_ns = s.stx_mtime.tv_nsec;
  out->changed = s.stx_ctime.tv_sec;
  out->changed_ns = s.stx_ctime.tv_nsec;
  out->allocated = (int64_t)s.stx_blocks * 512;
  out->major = s.stx_rdev_major;
  out->minor = s.stx_rdev_minor;
  out->inode = s.stx_ino;
  out->device = makedev(s.stx_dev_major, s.stx_dev_minor);
  out->links = s.stx_nlink;
  return 0;
}

int32_t hutch_open_at(int32_t directory, const char *name, int32_t flags, uint32_t mode,
                      uint32_t resolve) {
  struct open_how how = {.flags = (uint64_t)(uint32_t)(flags | O_CLOEXEC)};
  if (flags & O_CREAT) how.mode = mode & 07777;
  if (resolve & HUTCH_BENEATH) how.resolve |= RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  if (resolve & HUTCH_IN_ROOT) how.resolve |= RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  if (resolve & HUTCH_SAME_MOUNT) how.resolve |= RESOLVE_NO_XDEV;
  if (resolve & HUTCH_NO_LINKS) how.resolve |= RESOLVE_NO_SYMLINKS;
  for (;;) {
    long fd = syscall(SYS_openat2, directory, name, &how, sizeof how);
    if (fd >= 0) return (int32_t)fd;
    // RESOLVE_BENEATH may give EAGAIN when something was renamed meanwhile.
    if (errno != EINTR && errno != EAGAIN) return -errno;
  }
}

int32_t hutch_rename(int32_t from_directory, const char *from, int32_t to_directory,
                     const char *to, int32_t replacing) {
  return OR_ERRNO(renameat2(from_directory, from, to_directory, to,
                            replacing ? 0 : RENAME_NOREPLACE));
}

int32_t hutch_mkdir(int32_t directory, const char *name, uint32_t mode) {
  return OR_ERRNO(mkdirat(directory, name, mode));
}

int32_t hutch_symlink(const char *target, int32_t directory, const char *name) {
  return OR_ERRNO(symlinkat(target, directory, name));
}

int32_t hutch_link(int32_t from_directory, const char *from, int32_t to_directory,
                   const char *to) {
  return OR_ERRNO(linkat(from_directory, from, to_directory, to, 0));
}

int32_t hutch_mknod(int32_t directory, const char *name, uint32_t kind, uint32_t mode,
                    uint32_t major, uint32_t minor) {
  mode_t type;
  switch (kind) {
    case HUTCH_REGULAR: type = S_IFREG; break;
    case HUTCH_CHARACTER: type = S_IFCHR; break;
    case HUTCH_BLOCK: type = S_IFBLK; break;
    case HUTCH_FIFO: type = S_IFIFO; break;
    default: return -EINVAL;
  }
  return OR_ERRNO(mknodat(directory, name, type | (mode & 07777), makedev(major, minor)));
}

int32_t hutch_unlink(int32_t directory, const char *name, int32_t is_directory) {
  return OR_ERRNO(unlinkat(directory, name, is_directory ? AT_REMOVEDIR : 0));
}

int64_t hutch_readlink(int32_t directory, const char *name, uint8_t *buffer, size_t size) {
  ssize_t count = readlinkat(directory, name, (char *)buffer, size);
  return count < 0 ? -errno : count;
}

// fchmodat2(2) is younger than the kernels we run on; through O_PATH and /proc it works on all.
struct magic { char path[32]; int32_t fd; };

static int32_t open_magic(int32_t directory, const char *name, struct magic *m) {
  m->fd = openat(directory, name[0] ? name : ".", O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (m->fd < 0) return -errno;
  snprintf(m->path, sizeof m->path, "/proc/self/fd/%d", m->fd);
  return 0;
}

int32_t hutch_chmod(int32_t directory, const char *name, uint32_t mode) {
  struct magic m;
  int32_t result = open_magic(directory, name, &m);
  if (result < 0) return result;
  result = OR_ERRNO(chmod(m.path, mode));
  close(m.fd);
  return result;
}

int32_t hutch_chown(int32_t directory, const char *name, uint32_t uid, uint32_t gid) {
  return OR_ERRNO(fchownat(directory, name, uid, gid,
                           AT_SYMLINK_NOFOLLOW | (name[0] ? 0 : AT_EMPTY_PATH)));
}

int32_t hutch_set_times(int32_t directory, const char *name, int64_t seconds, uint32_t ns) {
  struct timespec times[2] = {{seconds, ns}, {seconds, ns}};
  return OR_ERRNO(utimensat(directory, name[0] ? name : ".", times, AT_SYMLINK_NOFOLLOW));
}

// Attributes of links too: l*xattr on /proc/self/fd/N/.. would need a path, so the parent's
// descriptor and the name are joined.
static int32_t joined(int32_t directory, const char *name, char *path, size_t size) {
  int n = snprintf(path, size, "/proc/self/fd/%d/%s", directory, name[0] ? name : ".");
  return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

// Younger than the headers that we build with.
#ifndef SYS_listxattrat
#define SYS_listxattrat 465
#endif

int64_t hutch_list_xattrs(int32_t directory, const char *name, uint8_t *buffer, size_t size) {
  // Linux 6.13; spares the way through /proc for each of many files. EPERM is also what sandboxes
  // say to a call that they don't know.
  long listed = syscall(SYS_listxattrat, directory, name[0] ? name : ".", AT_SYMLINK_NOFOLLOW,
                        buffer, size);
  if (listed >= 0) return listed;
  if (errno != ENOSYS && errno != EPERM) return -errno;
  char path[4200];
  int32_t result = joined(directory, name, path, sizeof path);
  if (result < 0) return result;
  ssize_t count = llistxattr(path, (char *)buffer, size);
  return count < 0 ? -errno : count;
}

int64_t hutch_get_xattr(int32_t directory, const char *name, const char *attribute,
                        uint8_t *buffer, size_t size) {
  char path[4200];
  int32_t result = joined(directory, name, path, sizeof path);
  if (result < 0) return result;
  ssize_t count = lgetxattr(path, attribute, buffer, size);
  return count < 0 ? -errno : count;
}

int32_t hutch_set_xattr(int32_t directory, const char *name, const char *attribute,
                        const uint8_t *value, size_t size) {
  char path[4200];
  int32_t result = joined(directory, name, path, sizeof path);
  if (result < 0) return result;
  return OR_ERRNO(lsetxattr(path, attribute, value, size, 0));
}

int32_t hutch_for_each_entry(int32_t directory, hutch_visit visit, void *context) {
  int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -errno;
  DIR *stream = fdopendir(fd);
  if (!stream) {
    int error = errno;
    close(fd);
    return -error;
  }
  int32_t result = 0;
  for (;;) {
    errno = 0;
    struct dirent *entry = readdir(stream);
    if (!entry) {
      result = -errno;
      break;
    }
    const char *name = entry->d_name;
    if (name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]))) continue;
    result = visit(context, name, strlen(name));
    if (result) break;
  }
  closedir(stream);
  return result;
}

int64_t hutch_copy_range(int32_t from, int64_t from_offset, int32_t to, int64_t to_offset,
                         size_t count) {
  off64_t in = from_offset, out = to_offset;
  ssize_t copied = copy_file_range(from, &in, to, &out, count, 0);
  return copied < 0 ? -errno : copied;
}

int32_t hutch_punch(int32_t descriptor, int64_t offset, int64_t count) {
  return OR_ERRNO(fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
                            count));
}

int64_t hutch_seek_data(int32_t descriptor, int64_t offset) {
  off64_t found = lseek64(descriptor, offset, SEEK_DATA);
  return found < 0 ? -errno : found;
}

int64_t hutch_seek_hole(int32_t descriptor, int64_t offset) {
  off64_t found = lseek64(descriptor, offset, SEEK_HOLE);
  return found < 0 ? -errno : found;
}

int32_t hutch_file_system(const char *path, uint64_t *free_bytes, uint64_t *magic) {
  struct statfs s;
  if (statfs(path, &s) < 0) return -errno;
  *free_bytes = (uint64_t)s.f_bavail * (uint64_t)s.f_bsize;
  *magic = (uint64_t)s.f_type;
  return 0;
}

int32_t hutch_sync_file_system(int32_t descriptor) { return OR_ERRNO(syncfs(descriptor)); }

int32_t hutch_may_change(int32_t directory) {
  if (faccessat(directory, ".", W_OK | X_OK, AT_EACCESS) == 0) return 1;
  return errno == EACCES || errno == EROFS || errno == EPERM ? 0 : -errno;
}

int32_t hutch_lock(int32_t descriptor, int32_t exclusive, int32_t wait) {
  int operation = (exclusive ? LOCK_EX : LOCK_SH) | (wait ? 0 : LOCK_NB);
  return OR_ERRNO(flock(descriptor, operation));
}

int32_t hutch_unlock(int32_t descriptor) { return OR_ERRNO(flock(descriptor, LOCK_UN)); }

int32_t hutch_watch_directory(int32_t directory) {
  int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (watch < 0) return -errno;
  // inotify knows paths only; this one is the directory that is open, whatever it is called now.
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", directory);
  uint32_t mask = IN_CLOSE_WRITE | IN_MOVE | IN_DELETE | IN_MOVE_SELF | IN_DELETE_SELF | IN_ONLYDIR;
  if (inotify_add_watch(watch, path, mask) < 0) {
    int error = errno;
    close(watch);
    return -error;
  }
  return watch;
}

void hutch_drain_watch(int32_t watch) {
  char events[4096] __attribute__((aligned(8)));
  while (read(watch, events, sizeof events) > 0) {}
}
