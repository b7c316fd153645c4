internal import Inputs
internal import Recipes

/// Resolvers of Debian's suites, each made when it is asked for: a lock that needs none asks no
/// mirror.
final class SuiteArchives {
  private let make: (String) throws -> AptResolver
  private var resolvers: [(suite: String, resolver: AptResolver)] = []

  init(_ make: @escaping (String) throws -> AptResolver) { self.make = make }

  func resolver(of suite: String) throws -> AptResolver {
    if let known = resolvers.first(where: { $0.suite == suite }) { return known.resolver }
    let resolver = try make(suite)
    resolvers.append((suite, resolver))
    return resolver
  }

  /// What was resolved against; what a lock said before if nothing was.
  ///
  /// - Parameter keepsOthers: whether suites that were not asked about are still in use.
  func all(after before: [LockedArchive], keepsOthers: Bool) throws -> [LockedArchive] {
    if resolvers.isEmpty { return before }
    let found = try resolvers.flatMap { try $0.resolver.archives() }
    guard keepsOthers else { return found }
    return before.filter { old in !found.contains { $0.suite == old.suite } } + found
  }
}
