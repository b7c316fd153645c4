#include "seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#else
#error "a step's filter is written for amd64 and arm64"
#endif

#define LOAD(field) \
  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))
#define ANSWER(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define REFUSED (SECCOMP_RET_ERRNO | EPERM)
#define ABSENT (SECCOMP_RET_ERRNO | ENOSYS)
#define DONE (SECCOMP_RET_ERRNO | 0)
#define ON(call, value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1), ANSWER(value)

int hutch_install_step_filter(void) {
  struct sock_filter filter[] = {
      LOAD(arch),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0),
      ANSWER(REFUSED),
      LOAD(nr),
#if defined(__x86_64__)
      // The x32 calls are the same calls by other numbers.
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
      ANSWER(REFUSED),
#endif
      // Nobody needs the tree after a crash, and dpkg syncs every file that it writes.
      ON(SYS_fsync, DONE), ON(SYS_fdatasync, DONE), ON(SYS_sync, DONE), ON(SYS_syncfs, DONE),
      ON(SYS_sync_file_range, DONE), ON(SYS_msync, DONE),
      // The mount table of a step is made by its builder.
      ON(SYS_mount, REFUSED), ON(SYS_umount2, REFUSED), ON(SYS_pivot_root, REFUSED),
      ON(SYS_fsopen, REFUSED), ON(SYS_fsconfig, REFUSED), ON(SYS_fsmount, REFUSED),
      ON(SYS_fspick, REFUSED), ON(SYS_move_mount, REFUSED), ON(SYS_open_tree, REFUSED),
      ON(SYS_mount_setattr, REFUSED), ON(SYS_quotactl, REFUSED),
      // No second user namespace: it would give the rights back that the lines here take.
      ON(SYS_unshare, REFUSED), ON(SYS_setns, REFUSED),
      // Key rings are not namespaced by uid mapping alone.
      ON(SYS_keyctl, REFUSED), ON(SYS_add_key, REFUSED), ON(SYS_request_key, REFUSED),
      // Large kernel surfaces that no package needs while it installs.
      ON(SYS_bpf, REFUSED), ON(SYS_perf_event_open, REFUSED), ON(SYS_userfaultfd, REFUSED),
      ON(SYS_io_uring_setup, ABSENT), ON(SYS_init_module, REFUSED),
      ON(SYS_finit_module, REFUSED), ON(SYS_delete_module, REFUSED),
      ON(SYS_kexec_load, REFUSED), ON(SYS_kexec_file_load, REFUSED), ON(SYS_reboot, REFUSED),
      ON(SYS_swapon, REFUSED), ON(SYS_swapoff, REFUSED), ON(SYS_acct, REFUSED),
      ON(SYS_settimeofday, REFUSED), ON(SYS_clock_settime, REFUSED),
      ON(SYS_open_by_handle_at, REFUSED),
      // clone3's flags are behind a pointer that a filter cannot read: glibc falls back to clone.
      ON(SYS_clone3, ABSENT),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4), LOAD(args[0]),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_NEWUSER, 0, 1), ANSWER(REFUSED),
      ANSWER(SECCOMP_RET_ALLOW),
      // Pushing characters into the terminal of whoever started the build.
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3), LOAD(args[1]),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TIOCSTI, 0, 1), ANSWER(REFUSED),
      ANSWER(SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
  // Inside its user namespace the step has CAP_SYS_ADMIN, so no_new_privs is not needed; it
  // would break set-user-id programs that maintainer scripts run.
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}
