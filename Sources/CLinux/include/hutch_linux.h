// What Swift's Glibc module does not offer, with plain types. Every function returns a value of
// zero or more, or the negated errno. Nothing here allocates in a child between fork and exec.
#pragma once
#include <stddef.h>
#include <stdint.h>

// --- files -------------------------------------------------------------------------------------

enum hutch_kind {
  HUTCH_REGULAR = 0, HUTCH_DIRECTORY, HUTCH_SYMLINK, HUTCH_CHARACTER, HUTCH_BLOCK, HUTCH_FIFO,
  HUTCH_SOCKET,
};

struct hutch_status {
  uint32_t kind, mode, uid, gid;
  int64_t size, modified, changed, allocated;
  uint32_t modified_ns, changed_ns, major, minor;
  uint64_t inode, device, links;
};

// name may be "" for the descriptor itself. Links are never followed.
int32_t hutch_status_at(int32_t directory, const char *name, struct hutch_status *out);

enum { HUTCH_BENEATH = 1, HUTCH_NO_LINKS = 2, HUTCH_IN_ROOT = 4, HUTCH_SAME_MOUNT = 8 };
// openat2(2) with O_CLOEXEC; resolve is a mask of the above.
int32_t hutch_open_at(int32_t directory, const char *name, int32_t flags, uint32_t mode,
                      uint32_t resolve);
extern const int32_t hutch_o_path, hutch_o_directory, hutch_o_nofollow, hutch_o_cloexec,
    hutch_o_creat, hutch_o_excl, hutch_o_trunc, hutch_o_rdonly, hutch_o_rdwr, hutch_o_wronly,
    hutch_o_append, hutch_o_nonblock, hutch_at_fdcwd;

int32_t hutch_rename(int32_t from_directory, const char *from, int32_t to_directory,
                     const char *to, int32_t replacing);
int32_t hutch_mkdir(int32_t directory, const char *name, uint32_t mode);
int32_t hutch_symlink(const char *target, int32_t directory, const char *name);
int32_t hutch_link(int32_t from_directory, const char *from, int32_t to_directory, const char *to);
int32_t hutch_mknod(int32_t directory, const char *name, uint32_t kind, uint32_t mode,
                    uint32_t major, uint32_t minor);
int32_t hutch_unlink(int32_t directory, const char *name, int32_t is_directory);
int64_t hutch_readlink(int32_t directory, const char *name, uint8_t *buffer, size_t size);
// Of the entry itself, never of what a link points to. Links have no mode of their own.
int32_t hutch_chmod(int32_t directory, const char *name, uint32_t mode);
int32_t hutch_chown(int32_t directory, const char *name, uint32_t uid, uint32_t gid);
int32_t hutch_set_times(int32_t directory, const char *name, int64_t seconds, uint32_t ns);
int64_t hutch_list_xattrs(int32_t directory, const char *name, uint8_t *buffer, size_t size);
int64_t hutch_get_xattr(int32_t directory, const char *name, const char *attribute,
                        uint8_t *buffer, size_t size);
int32_t hutch_set_xattr(int32_t directory, const char *name, const char *attribute,
                        const uint8_t *value, size_t size);

// Calls visit once per entry but . and ..; a nonzero answer stops and is returned. Reads the
// directory from its start whatever its position was.
typedef int32_t (*hutch_visit)(void *context, const char *name, size_t length);
int32_t hutch_for_each_entry(int32_t directory, hutch_visit visit, void *context);

int64_t hutch_copy_range(int32_t from, int64_t from_offset, int32_t to, int64_t to_offset,
                         size_t count);
int32_t hutch_punch(int32_t descriptor, int64_t offset, int64_t count);
int64_t hutch_seek_data(int32_t descriptor, int64_t offset);
int64_t hutch_seek_hole(int32_t descriptor, int64_t offset);
// Bytes that an unprivileged writer may still use, and the file system's magic number.
int32_t hutch_file_system(const char *path, uint64_t *free_bytes, uint64_t *magic);
int32_t hutch_sync_file_system(int32_t descriptor);
// An inotify(7) descriptor that does not block, and is readable when an entry of the directory was
// written and closed, renamed, removed or made, or the directory itself moved.
int32_t hutch_watch_directory(int32_t directory);
// Forgets what it has told so far.
void hutch_drain_watch(int32_t watch);
// 1 if this process may make and remove entries in the directory, 0 if not.
int32_t hutch_may_change(int32_t directory);
// flock(2); wait = 0 gives -EWOULDBLOCK when somebody else holds it.
int32_t hutch_lock(int32_t descriptor, int32_t exclusive, int32_t wait);
int32_t hutch_unlock(int32_t descriptor);

// --- the process -------------------------------------------------------------------------------

int32_t hutch_random(uint8_t *buffer, size_t size);
// SIGINT, SIGTERM and SIGHUP from now on are remembered and make the returned descriptor
// readable instead of ending the process; SIGPIPE is ignored. A third one ends the process.
int32_t hutch_catch_interrupts(void);
// execve(2) in this process; returns -errno, and only then.
int32_t hutch_replace(
    const char *executable, const char *const *arguments, const char *const *environment);
// The first signal that came, 0 if none.
int32_t hutch_interrupted(void);
void hutch_forget_interrupt(void);
// As if the signal had come again; nothing if another one has come since.
void hutch_restore_interrupt(int32_t signal);
int32_t hutch_catch_window_changes(void);
int32_t hutch_pidfd(int32_t pid);
int32_t hutch_pidfd_signal(int32_t pidfd, int32_t signal);
// 1 when it has ended (status: as waitpid gives it), 0 when it still runs and wait = 0.
int32_t hutch_reap(int32_t pid, int32_t wait, int32_t *status);
int32_t hutch_become_subreaper(void);
int32_t hutch_pipe(int32_t out[2]);
int32_t hutch_socket_pair(int32_t out[2]);
int32_t hutch_set_nonblocking(int32_t descriptor, int32_t on);
int32_t hutch_duplicate(int32_t descriptor);
// Stream sockets of the local domain: close-on-exec and non-blocking. The socket's file gets mode
// 0600.
int32_t hutch_unix_listen(const char *path);
int32_t hutch_unix_connect(const char *path);
int32_t hutch_accept(int32_t listener);
// Whose process the other end was when it connected, or when it began to listen.
int32_t hutch_peer_user(int32_t descriptor, uint32_t *uid);
// A TCP connection that is under way: the descriptor is writable once it is made or has failed.
// address: 4 or 16 bytes in network order.
int32_t hutch_tcp_connect(const uint8_t *address, size_t size, uint16_t port);
// What became of it: 0 or the errno.
int32_t hutch_socket_error(int32_t descriptor);
int32_t hutch_shutdown_write(int32_t descriptor);
uint32_t hutch_umask(uint32_t mask);
// Only sensible in a mount namespace of our own.
int32_t hutch_mount(const char *source, const char *target, const char *type, uint64_t flags,
                    const char *data);
int32_t hutch_unmount(const char *target);
int32_t hutch_is_terminal(int32_t descriptor);
int32_t hutch_terminal_size(int32_t descriptor, uint16_t *rows, uint16_t *columns);
// Saves the present state into `saved` (at least 64 bytes) and turns raw mode on.
int32_t hutch_terminal_raw(int32_t descriptor, uint8_t *saved, size_t size);
int32_t hutch_terminal_restore(int32_t descriptor, const uint8_t *saved, size_t size);
uint64_t hutch_monotonic_ns(void);
int64_t hutch_unix_time(void);

// --- children ----------------------------------------------------------------------------------

enum hutch_spawn_flag {
  HUTCH_NEW_SESSION = 1 << 0,
  HUTCH_DIE_WITH_PARENT = 1 << 1,
  HUTCH_NEW_USER = 1 << 2,
  HUTCH_NEW_MOUNT = 1 << 3,
  HUTCH_NEW_PID = 1 << 4,      // the command runs below a small reaping PID 1 of ours
  HUTCH_NEW_NET = 1 << 5,
  HUTCH_NEW_IPC = 1 << 6,
  HUTCH_NEW_UTS = 1 << 7,
  HUTCH_SECCOMP = 1 << 8,      // the filter of a build step
  HUTCH_NEW_CGROUP = 1 << 9,
};

enum hutch_action_kind {
  HUTCH_MOUNT = 0,    // a = source, b = target, c = type, data = options, number = MS_ flags
  HUTCH_BIND,         // a = source, b = target, number = extra MS_ flags (a second remount)
  HUTCH_MKDIR,        // b = path, number = mode; existing is fine
  HUTCH_SYMLINK_AT,   // a = target, b = path; existing is fine
  HUTCH_TOUCH,        // b = path; an empty file, for bind mounts
  HUTCH_WRITE,        // b = path, data = bytes, limit = how many, number = mode
  HUTCH_PIVOT,        // b = new root; the old one is gone afterwards
  HUTCH_CHDIR,        // b
  HUTCH_HOSTNAME,     // a
  HUTCH_LOOPBACK,     // the loopback interface comes up
  HUTCH_UMASK,        // number
  HUTCH_ONE_CPU,      // the first of those that it may run on, where that can be had
  HUTCH_LIMIT,        // number = RLIMIT_ resource, limit = value for both
  HUTCH_TELL,         // b = path that exists, data = bytes, limit = how many
};

struct hutch_action {
  int32_t kind;
  const char *a, *b, *c, *data;
  uint64_t number, limit;
};

struct hutch_id_range { uint32_t inside, outside, count; };

struct hutch_spawn {
  const char *path;
  char *const *arguments;
  char *const *environment;
  const char *directory;
  // The child's descriptor n is descriptors[n] of ours; -1 means /dev/null. All others are closed.
  const int32_t *descriptors;
  size_t descriptor_count;
  uint32_t flags;
  // For HUTCH_NEW_USER. With tools = 0 the maps are written directly (needs the right to);
  // otherwise through newuidmap and newgidmap at the given paths.
  const struct hutch_id_range *uids, *gids;
  size_t uid_count, gid_count;
  const char *newuidmap, *newgidmap;
  const struct hutch_action *actions;
  size_t action_count;
};

// Where a child that could not be started failed.
struct hutch_spawn_failure {
  int32_t stage;   // enum hutch_spawn_stage
  int32_t action;  // index into actions for HUTCH_AT_ACTION
};
enum hutch_spawn_stage {
  HUTCH_AT_FORK = 1, HUTCH_AT_NAMESPACE, HUTCH_AT_MAP, HUTCH_AT_DESCRIPTORS, HUTCH_AT_ACTION,
  HUTCH_AT_SECCOMP, HUTCH_AT_DIRECTORY, HUTCH_AT_EXEC,
};

// The pid of the child, or -errno with `failure` filled in.
int32_t hutch_spawn(const struct hutch_spawn *spawn, struct hutch_spawn_failure *failure);

// MS_ flags, for actions.
extern const uint64_t hutch_ms_rdonly, hutch_ms_nosuid, hutch_ms_nodev, hutch_ms_noexec,
    hutch_ms_rec, hutch_ms_private, hutch_ms_bind, hutch_ms_remount, hutch_ms_strictatime;
extern const int32_t hutch_rlimit_nproc, hutch_rlimit_nofile, hutch_rlimit_core, hutch_rlimit_as,
    hutch_rlimit_data;
