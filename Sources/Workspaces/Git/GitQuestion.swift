/// What the guest's own git is asked once a command has ended. Both the program and what it works
/// on are the guest's: the answer is held to be hostile, whatever stands here.
package enum GitQuestion {
  /// The script's own statuses.
  package static let noRepository: UInt8 = 3
  package static let noGit: UInt8 = 4

  /// The words of a command that answers with one line, `hutch TIP OTHERS`, and the pack of what
  /// TIP has and what was sent has not. Nothing in the guest's repository is changed: objects and
  /// index are made aside.
  package static func words(base: String?, directory: String) -> [String] {
    ["/bin/sh", "-c", script, "hutch", base ?? "", directory, message]
  }

  private static let message = "Work that was not committed in the VM\n\nHutch made this commit."

  private static let script = """
    set -eu
    base=$1
    cd "$2"
    command -v git >/dev/null 2>&1 || exit 4
    [ -e .git ] || exit 3
    unset GIT_DIR GIT_WORK_TREE GIT_COMMON_DIR GIT_NAMESPACE
    tmp=$(mktemp -d)
    trap 'rm -rf "$tmp"' EXIT
    mkdir "$tmp/objects"
    printf '[safe]\\n\\tdirectory = *\\n' >"$tmp/.gitconfig"
    export HOME="$tmp" XDG_CONFIG_HOME="$tmp" GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0
    export GIT_OPTIONAL_LOCKS=0 GIT_NO_REPLACE_OBJECTS=1 LC_ALL=C
    g() {
      git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c core.untrackedCache=false \\
        -c core.pager=cat -c advice.addEmbeddedRepo=false -c gc.auto=0 "$@"
    }
    top=$(g rev-parse --show-toplevel) || exit 3
    [ "$top" = "$(pwd -P)" ] || exit 3
    common=$(cd "$(g rev-parse --git-common-dir)" && pwd) || exit 3
    index=$(g rev-parse --git-path index)
    head=$(g rev-parse -q --verify 'HEAD^{commit}') || head=
    others=$(g rev-list --count --all --not ${head:+"$head"} ${base:+"$base"}) || others=0
    [ ! -e "$index" ] || cp "$index" "$tmp/index"
    export GIT_INDEX_FILE="$tmp/index" GIT_OBJECT_DIRECTORY="$tmp/objects"
    export GIT_ALTERNATE_OBJECT_DIRECTORIES="$common/objects"
    g add -A
    tree=$(g write-tree)
    if [ -n "$head" ]; then old=$(g rev-parse "$head^{tree}"); else old=$(g mktree </dev/null); fi
    tip=$head
    if [ "$tree" != "$old" ]; then
      tip=$(GIT_AUTHOR_NAME=hutch GIT_AUTHOR_EMAIL=hutch@localhost GIT_COMMITTER_NAME=hutch \\
        GIT_COMMITTER_EMAIL=hutch@localhost g commit-tree ${head:+-p "$head"} -m "$3" "$tree")
    fi
    [ -n "$tip" ] || tip=none
    echo "hutch $tip $others"
    if [ "$tip" = none ] || [ "$tip" = "$base" ]; then exit 0; fi
    { echo "$tip"; [ -z "$base" ] || echo "^$base"; } |
      g pack-objects --revs --thin --delta-base-offset -q --stdout
    """
}
