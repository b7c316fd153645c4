internal import Host
internal import Vocabulary

/// What one step may take of the machine: generous, so that only what has gone wild meets it.
package enum StepLimits {
  /// As many as make with many jobs needs several times over; threads are counted, too.
  static let processes = 4096
  /// Less is too little for Debian's own packages.
  private static let leastMemory: Int64 = 1 << 30

  /// Three quarters of the machine's memory: the rest is for who sits at it.
  static var standard: ControlGroup.Limits {
    ControlGroup.Limits(
      memory: ByteCount(max(leastMemory, HostEnvironment.current.memory.bytes / 4 * 3)),
      processes: processes)
  }

  /// What comes before all else that a step's first process does.
  static func actions(_ group: ControlGroup?, _ limits: ControlGroup.Limits) -> [Isolation.Action] {
    // When memory is short all the same, the kernel takes a step first, and nothing of the user's.
    var actions: [Isolation.Action] = [.tell("/proc/self/oom_score_adj", text: "1000")]
    actions += group?.actions ?? []
    // Second best: for each process alone.
    if group?.limitsMemory != true { actions.append(.limitData(limits.memory)) }
    return actions
  }
}
