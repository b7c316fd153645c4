internal import CLinux
internal import Glibc

/// Mounts made by this very process: only for a worker that has a mount namespace of its own.
package enum Mounts {
  /// An overlay of trees, the topmost first, each a name in `directory`: names, because all
  /// mount options together must fit into one page and a path may hold commas and colons.
  ///
  /// With no `upper` the mount is read-only. `upper` and `work` are absolute or relative to
  /// `directory`. (Linux, Documentation/filesystems/overlayfs.rst)
  package static func overlay(
    trees: [String], in directory: String, upper: String? = nil, work: String? = nil,
    at target: String
  ) throws(HostError) {
    let options = overlayOptions(trees: trees, upper: upper, work: work)
    try check(unsafe chdir(directory) < 0 ? -errno : 0, "enter", directory)
    try check(
      unsafe hutch_mount("overlay", target, "overlay", 0, options), "mount an overlay at", target)
  }

  /// `userxattr`: marks of opaque directories are `user.overlay.opaque`, which a user namespace
  /// may set; redirects and metadata-only copies would need the same lower trees for ever.
  package static func overlayOptions(
    trees: [String], upper: String?, work: String?
  ) -> String {
    var options = ["lowerdir=" + trees.joined(separator: ":")]
    if let upper, let work { options += ["upperdir=" + upper, "workdir=" + work] }
    return (options + ["userxattr"]).joined(separator: ",")
  }

  package static func bind(_ source: String, at target: String) throws(HostError) {
    try check(
      unsafe hutch_mount(source, target, nil, hutch_ms_bind | hutch_ms_rec, nil), "bind", target)
  }

  package static func unmount(_ target: String) throws(HostError) {
    try check(unsafe hutch_unmount(target), "unmount", target)
  }
}
