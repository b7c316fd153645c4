package import Catalog
internal import Planning
package import Vocabulary

extension Session {
  package func images() throws -> [ImageRecord] { try catalog.images() }

  /// The date of the newest thing inside that has one; `nil` if nothing has, or if nobody can say.
  package func contentsDate(of image: ImageID) -> SourceDate? {
    guard let date = try? configuration(of: image).created, date > .constant else { return nil }
    return date
  }

  /// Of one image, the lowest first, or of the whole store.
  package func layers(of image: String?) throws -> [LayerRecord] {
    let all = try catalog.layers()
    guard let image else { return all }
    let byID = Dictionary(uniqueKeysWithValues: all.map { ($0.id, $0) })
    return try catalog.resolve(image).layers.compactMap { byID[$0] }
  }

  /// With states that are true now: what a dead supervisor left as running has crashed.
  package func vms() throws -> [VMRecord] {
    for vm in try catalog.vms() where vm.isMistaken {
      try? catalog.setState(vm.name, .crashed)
    }
    return try catalog.vms()
  }
}

extension VMRecord {
  /// Said to be up, with nobody alive who keeps it up.
  var isMistaken: Bool { (state == .running || state == .paused) && !supervised }
}
