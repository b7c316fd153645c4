// What the guest program needs and Swift cannot call, with plain types. Every function returns a
// value of zero or more, or the negated errno. Nothing allocates between fork and exec.
#pragma once
#include <stddef.h>
#include <stdint.h>

// --- coming up (boot.c) ------------------------------------------------------------------------

// A static Swift program aborts before main when /proc/self/exe can't be read, so a constructor
// mounts /proc and /dev and opens the console when this process is PID 1. Calling this function is
// what links the constructor in: 1 if it ran as PID 1.
int32_t guest_came_up(void);

enum { GUEST_READ_ONLY = 1, GUEST_BIND = 2, GUEST_NO_ACCESS_TIME = 4, GUEST_REMOUNT = 8,
       GUEST_NO_SUID = 16, GUEST_NO_DEVICES = 32, GUEST_NO_EXEC = 64 };
// type and options may be NULL. A read-only bind mount takes a second call with GUEST_REMOUNT.
int32_t guest_mount(const char *source, const char *target, const char *type, uint32_t flags,
                    const char *options);
int32_t guest_move_mount(const char *from, const char *to);
int32_t guest_load_module(const char *path);
// Makes the mount at path the root of this process, in place of the initramfs.
int32_t guest_switch_root(const char *path);
int32_t guest_loopback_up(void);
// Grows the mounted ext4 to its whole device; 1 if there was something to do.
int32_t guest_grow(const char *device, const char *mount_point);
int32_t guest_raise_limits(void);
// Forks. The parent executes path as PID 1 and never returns but for an error; the child gets 0,
// is renamed to begin with '@', has a session of its own and is spared by the OOM killer.
int32_t guest_hand_over(const char *path, const char *const *environment);

// --- the machine (machine.c) -------------------------------------------------------------------

enum { GUEST_POWER_OFF = 0, GUEST_REBOOT = 1 };
int32_t guest_reboot(int32_t kind);
void guest_sync(void);
// In the system's words; static.
const char *guest_error_text(int32_t error);
int32_t guest_set_time(int64_t seconds, uint32_t nanoseconds);
int32_t guest_set_hostname(const uint8_t *name, size_t length);
// Credits the bytes to the kernel's generator and makes it reseed from them at once.
int32_t guest_add_entropy(const uint8_t *bytes, size_t count);
int32_t guest_freeze(const char *path, int32_t freeze);
uint64_t guest_monotonic_ms(void);
uint64_t guest_uptime_ms(void);

// --- descriptors (machine.c) -------------------------------------------------------------------

enum { GUEST_OPEN_READ = 0, GUEST_OPEN_WRITE = 1, GUEST_OPEN_BOTH = 2, GUEST_OPEN_REPLACE = 3,
       GUEST_OPEN_PORT = 4 };
// Close-on-exec. REPLACE creates or truncates; PORT opens for both without blocking.
int32_t guest_open(const char *path, int32_t mode);
int32_t guest_close(int32_t descriptor);
int64_t guest_read(int32_t descriptor, uint8_t *buffer, size_t count);
int64_t guest_write(int32_t descriptor, const uint8_t *buffer, size_t count);
// Close-on-exec; read end in out[0].
int32_t guest_pipe(int32_t out[2]);
int32_t guest_set_nonblocking(int32_t descriptor);
// Becomes readable when a child ends; SIGPIPE is ignored from now on.
int32_t guest_child_signals(void);
void guest_drain_signals(int32_t descriptor);
struct guest_poll { int32_t descriptor; int16_t events, revents; };
enum { GUEST_POLL_IN = 1, GUEST_POLL_OUT = 4, GUEST_POLL_ERR = 8, GUEST_POLL_HUP = 16 };
int32_t guest_poll(struct guest_poll *entries, size_t count, int32_t milliseconds);

// --- commands (process.c) ----------------------------------------------------------------------

// Opens a pseudo-terminal: master in out[0], slave in out[1], owned by uid.
int32_t guest_terminal(int32_t out[2], uint32_t uid, uint16_t rows, uint16_t columns);
int32_t guest_resize(int32_t master, uint16_t rows, uint16_t columns);

enum { GUEST_STAGE_START = 0, GUEST_STAGE_USER = 1, GUEST_STAGE_DIRECTORY = 2,
       GUEST_STAGE_EXECUTE = 3 };
struct guest_command {
  const char *const *candidates;  // paths to try in turn, NULL at the end
  const char *const *arguments, *const *environment;
  const char *directory;
  int32_t directory_is_optional;  // go to / if it can't be entered
  uint32_t uid, gid;
  const uint32_t *groups;
  size_t group_count;
  int32_t input, output, error;   // become 0, 1, 2
  int32_t is_terminal;            // input is the slave of a pseudo-terminal to be controlled by
  const char *cgroup;             // a cgroup.procs file to enter, or NULL
};
// Starts a command in a session of its own; the pid, or the negated errno of what stage names.
int32_t guest_start(const struct guest_command *command, int32_t *stage);
// Forks a worker in a session of its own; 0 in the child, which has the descriptors as 0, 1, 2
// and no others.
int32_t guest_start_worker(int32_t input, int32_t output, int32_t error, const char *cgroup);
_Noreturn void guest_exit(int32_t code);
// The next child that ended: its pid, with *signalled 0 or 1 and *value its code or signal;
// 0 if none has; -ECHILD if there are no children.
int32_t guest_reap(int32_t *signalled, int32_t *value);
// 1 while any child is there, ended or not.
int32_t guest_has_children(void);
// To the process group led by pid; pid -1 is everybody else.
int32_t guest_signal_group(int32_t pid, int32_t signal);
int32_t guest_signal_init(int32_t reboot);

// --- network (network.c): IPv4, addresses and ports as numbers -----------------------------------

// Puts an address and its prefix on the loopback interface.
int32_t guest_add_address(uint32_t address, uint32_t mask);
// A socket that does not block; one of streams listens.
int32_t guest_bind(int32_t is_stream, uint32_t address, uint16_t port);
// The connection, and where it was made to.
int32_t guest_accept(int32_t listener, uint32_t *address, uint16_t *port);
int32_t guest_shutdown_write(int32_t descriptor);
int32_t guest_reset_on_close(int32_t descriptor);
// The length of the message, which may be more than the size.
int64_t guest_receive(int32_t descriptor, uint8_t *buffer, size_t size, uint8_t sender[16]);
int64_t guest_send_to(int32_t descriptor, const uint8_t *buffer, size_t size,
                      const uint8_t sender[16]);
// All connections to the prefix, whatever the port, come to the listener for as long as the
// returned descriptor is open.
int32_t guest_steer(int32_t listener, uint32_t prefix, uint32_t mask);

// --- trees (tree.c) ----------------------------------------------------------------------------

enum { GUEST_REGULAR = 0, GUEST_DIRECTORY, GUEST_SYMLINK, GUEST_OTHER };
struct guest_status {
  uint32_t kind, mode, uid, gid;
  uint64_t size, inode, device, links;
  int64_t modified, changed;
  uint32_t modified_ns, changed_ns;
};
// All names are one path part, relative to an open directory; links are never followed.
int32_t guest_status_at(int32_t directory, const char *name, struct guest_status *out);
int32_t guest_open_directory_at(int32_t directory, const char *name);
int32_t guest_open_file_at(int32_t directory, const char *name);
int32_t guest_create_file_at(int32_t directory, const char *name, uint32_t mode);
int32_t guest_mkdir_at(int32_t directory, const char *name, uint32_t mode);
int32_t guest_symlink_at(const char *target, int32_t directory, const char *name);
// In one directory; replaces what has the new name.
int32_t guest_rename_at(int32_t directory, const char *name, const char *new_name);
int32_t guest_link_at(int32_t from, const char *name, int32_t to, const char *new_name);
int32_t guest_unlink_at(int32_t directory, const char *name, int32_t is_directory);
int64_t guest_readlink_at(int32_t directory, const char *name, uint8_t *buffer, size_t size);
int32_t guest_chmod_at(int32_t directory, const char *name, uint32_t mode);
int32_t guest_chown_at(int32_t directory, const char *name, uint32_t uid, uint32_t gid);
int32_t guest_set_time_at(int32_t directory, const char *name, int64_t seconds, uint32_t ns);
// An inotify descriptor that does not block.
int32_t guest_watcher(void);
// Tells of files that were written and closed or renamed into the open directory, and of its own
// end; with own_end_only of nothing else.
int32_t guest_watch(int32_t watcher, int32_t directory, int32_t own_end_only);
// Forgets what was told; 1 if there was anything.
int32_t guest_drain_watcher(int32_t watcher);
typedef int32_t (*guest_visit)(void *context, const char *name, size_t length);
int32_t guest_for_each_entry(int32_t directory, guest_visit visit, void *context);
int32_t guest_mkdir(const char *path, uint32_t mode);
int32_t guest_symlink(const char *target, const char *path);
int32_t guest_unlink(const char *path);
int32_t guest_rmdir(const char *path);
int32_t guest_exists(const char *path);
/// 1 if the entry itself is a symbolic link, else 0.
int32_t guest_is_link(const char *path);
