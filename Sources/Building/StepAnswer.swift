package import Layers
package import Vocabulary

/// What a worker made of a step: a packed layer, and what in it looks like a secret. Whoever asked
/// decides whether it may be published.
package struct StepAnswer: Sendable, Hashable {
  package var layer: PackedLayer
  package var findings: [SealFinding]

  var json: JSON {
    .object([
      "layer": layer.json,
      "findings": .array(
        findings.map {
          .object([
            // Names in an image need not be UTF-8, JSON must.
            "path": .string(Hex.encode($0.path.bytes)), "rule": .string($0.rule),
            "reason": .string($0.reason), "digest": .optional($0.digest?.description),
          ])
        }),
    ])
  }

  init(layer: PackedLayer, findings: [SealFinding]) {
    self.layer = layer
    self.findings = findings
  }

  package init(json: JSON) throws(BuildingError) {
    guard let layer = json["layer"], let findings = json["findings"]?.array else {
      throw .unexpectedAnswer("a layer that was not looked through: \(json)")
    }
    self.layer = try PackedLayer(answer: layer)
    self.findings = []
    for finding in findings {
      guard
        let path = finding["path"]?.string.flatMap({ Hex.decode($0) }).flatMap({ GuestPath($0) }),
        let rule = finding["rule"]?.string, let reason = finding["reason"]?.string
      else { throw .unexpectedAnswer("a finding without place and rule: \(finding)") }
      self.findings.append(
        SealFinding(
          path: path, rule: rule, reason: reason,
          digest: finding["digest"]?.string.flatMap { Digest($0) }))
    }
  }
}
