#include "guest_linux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

// An address on the loopback interface makes all of its prefix local, as 127.0.0.0/8 is.
int32_t guest_add_address(uint32_t address, uint32_t mask) {
  int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (s < 0) return -errno;
  struct ifreq request;
  memset(&request, 0, sizeof request);
  strcpy(request.ifr_name, "lo:hutch");
  struct sockaddr_in *value = (struct sockaddr_in *)&request.ifr_addr;
  value->sin_family = AF_INET;
  value->sin_addr.s_addr = htonl(address);
  int32_t result = ioctl(s, SIOCSIFADDR, &request) < 0 ? -errno : 0;
  if (result == 0) {
    value->sin_addr.s_addr = htonl(mask);
    if (ioctl(s, SIOCSIFNETMASK, &request) < 0) result = -errno;
  }
  close(s);
  return result;
}

int32_t guest_bind(int32_t is_stream, uint32_t address, uint16_t port) {
  int kind = is_stream ? SOCK_STREAM : SOCK_DGRAM;
  int s = socket(AF_INET, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (s < 0) return -errno;
  struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons(port)};
  place.sin_addr.s_addr = htonl(address);
  if (bind(s, (struct sockaddr *)&place, sizeof place) < 0 ||
      (is_stream && listen(s, 256) < 0)) {
    int error = errno;
    close(s);
    return -error;
  }
  return s;
}

int32_t guest_accept(int32_t listener, uint32_t *address, uint16_t *port) {
  int s = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (s < 0) return -errno;
  struct sockaddr_in place;
  socklen_t size = sizeof place;
  if (getsockname(s, (struct sockaddr *)&place, &size) < 0 || place.sin_family != AF_INET) {
    close(s);
    return -EINVAL;
  }
  *address = ntohl(place.sin_addr.s_addr);
  *port = ntohs(place.sin_port);
  return s;
}

int32_t guest_shutdown_write(int32_t s) { return shutdown(s, SHUT_WR) < 0 ? -errno : 0; }

// What is closed afterwards is reset instead of ended.
int32_t guest_reset_on_close(int32_t s) {
  struct linger now = {.l_onoff = 1};
  return setsockopt(s, SOL_SOCKET, SO_LINGER, &now, sizeof now) < 0 ? -errno : 0;
}

int64_t guest_receive(int32_t s, uint8_t *buffer, size_t size, uint8_t sender[16]) {
  socklen_t length = 16;
  ssize_t count = recvfrom(s, buffer, size, MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)sender,
                           &length);
  return count < 0 ? -errno : count;
}

int64_t guest_send_to(int32_t s, const uint8_t *buffer, size_t size, const uint8_t sender[16]) {
  ssize_t count = sendto(s, buffer, size, MSG_DONTWAIT, (const struct sockaddr *)sender, 16);
  return count < 0 ? -errno : count;
}

static int bpf(int command, union bpf_attr *attributes) {
  return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

#define INSN(c, d, s, o, i) \
  ((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})

// bpf_sk_lookup (linux/bpf.h): TCP over IPv4 to an address of the prefix goes to the socket in the
// map, whatever the port; everything else goes where it would have gone. The last two are the way
// out; jumps count from behind themselves.
static int load_program(int map, uint32_t prefix, uint32_t mask) {
  const int16_t protocol = offsetof(struct bpf_sk_lookup, protocol);
  const int16_t family = offsetof(struct bpf_sk_lookup, family);
  const int16_t local = offsetof(struct bpf_sk_lookup, local_ip4);
  const struct bpf_insn program[] = {
      INSN(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0),
      INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 6, protocol, 0),
      INSN(BPF_JMP | BPF_JNE | BPF_K, 2, 0, 19, IPPROTO_TCP),
      INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 6, family, 0),
      INSN(BPF_JMP | BPF_JNE | BPF_K, 2, 0, 17, AF_INET),
      INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 6, local, 0),
      INSN(BPF_ALU | BPF_AND | BPF_K, 2, 0, 0, (int32_t)htonl(mask)),
      INSN(BPF_JMP32 | BPF_JNE | BPF_K, 2, 0, 14, (int32_t)htonl(prefix)),
      INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0),
      INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
      INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
      INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map),
      INSN(0, 0, 0, 0, 0),
      INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
      INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 7, 0),
      INSN(BPF_ALU64 | BPF_MOV | BPF_X, 7, 0, 0, 0),
      INSN(BPF_ALU64 | BPF_MOV | BPF_X, 1, 6, 0, 0),
      INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 7, 0, 0),
      INSN(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 0),
      INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_sk_assign),
      INSN(BPF_ALU64 | BPF_MOV | BPF_X, 1, 7, 0, 0),
      INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_sk_release),
      INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, SK_PASS),
      INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
  };
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.prog_type = BPF_PROG_TYPE_SK_LOOKUP;
  attributes.expected_attach_type = BPF_SK_LOOKUP;
  attributes.insns = (uint64_t)(uintptr_t)program;
  attributes.insn_cnt = sizeof program / sizeof *program;
  attributes.license = (uint64_t)(uintptr_t) "Dual BSD/GPL";
  return bpf(BPF_PROG_LOAD, &attributes);
}

static int make_map(int listener) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.map_type = BPF_MAP_TYPE_SOCKMAP;
  attributes.key_size = sizeof(uint32_t);
  attributes.value_size = sizeof(uint64_t);
  attributes.max_entries = 1;
  int map = bpf(BPF_MAP_CREATE, &attributes);
  if (map < 0) return -errno;
  uint32_t key = 0;
  uint64_t value = (uint64_t)listener;
  memset(&attributes, 0, sizeof attributes);
  attributes.map_fd = (uint32_t)map;
  attributes.key = (uint64_t)(uintptr_t)&key;
  attributes.value = (uint64_t)(uintptr_t)&value;
  if (bpf(BPF_MAP_UPDATE_ELEM, &attributes) == 0) return map;
  int error = errno;
  close(map);
  return -error;
}

int32_t guest_steer(int32_t listener, uint32_t prefix, uint32_t mask) {
  int map = make_map(listener);
  if (map < 0) return map;
  int result = -1;
  int program = load_program(map, prefix, mask);
  int space = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (program >= 0 && space >= 0) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.link_create.prog_fd = (uint32_t)program;
    attributes.link_create.target_fd = (uint32_t)space;
    attributes.link_create.attach_type = BPF_SK_LOOKUP;
    result = bpf(BPF_LINK_CREATE, &attributes);
  }
  int error = errno;
  // The link keeps the program, and the program the map.
  if (space >= 0) close(space);
  if (program >= 0) close(program);
  close(map);
  return result < 0 ? -error : result;
}
