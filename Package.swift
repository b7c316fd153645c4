// swift-tools-version: 6.2
// The targets stand in the order in which data flows; arrows only point upwards in this file.

import PackageDescription

/// One dialect for every target of ours: the strictest that our dependencies build with.
let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
]
let strictC: [CSetting] = [.define("_GNU_SOURCE"), .define("_FILE_OFFSET_BITS", to: "64")]

let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let toml = Target.Dependency.product(name: "TOMLKit", package: "TOMLKit")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

func stage(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], files: [String] = []) -> Target {
  .testTarget(
    name: name + "Tests", dependencies: dependencies + [.byName(name: name), "TestSupport"],
    exclude: files, swiftSettings: strict)
}

let package = Package(
  name: "hutch",
  products: [
    .executable(name: "hutch", targets: ["hutch"]),
    .executable(name: "hutch-guest", targets: ["Guest"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
  ],
  targets: [
    // What we call but did not write.
    .systemLibrary(
      name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .target(name: "CLinux", cSettings: strictC),

    // Values and the machine.
    stage("Vocabulary", [crypto]),
    stage("Host", ["Vocabulary", "CLinux"]),
    // Archives that others made.
    stage("Archives", ["Vocabulary", "Host", "CArchive"]),

    // recipe → plan → inputs → step → layer → catalog → disk → launch
    stage("Recipes", ["Vocabulary", toml]),
    stage("Planning", ["Vocabulary", "Recipes"]),
    stage("Inputs", ["Vocabulary", "Host", "Archives", "Recipes", "CArchive"]),
    stage("Layers", ["Vocabulary", "Host", "Archives", "CZstd"]),
    stage("Inventory", ["Vocabulary", "Recipes", "Inputs", "Layers"]),
    stage("Disks", ["Vocabulary", "Host", "Layers"]),
    stage("Building", ["Vocabulary", "Host", "Archives", "Inputs", "Layers"]),
    stage("Catalog", ["Vocabulary", "Host", grdb]),
    stage("GuestProtocol", []),
    .target(name: "CGuest", cSettings: strictC),
    .executableTarget(
      name: "Guest", dependencies: ["GuestProtocol", "CGuest"], swiftSettings: strict),
    stage("Workspaces", ["Vocabulary", "Host", "GuestProtocol"]),
    stage("Launch", ["Vocabulary", "Host", "Archives", "GuestProtocol", "CZstd"]),

    // The only place that knows the order, and the person in front of it.
    stage(
      "Pipeline",
      [
        "Vocabulary", "Host", "Recipes", "Planning", "Inputs", "Building", "Layers",
        "Inventory", "Catalog", "Disks", "GuestProtocol", "Workspaces", "Launch",
      ]),
    stage(
      "Commands",
      [
        "Vocabulary", "Host", "Recipes", "Planning", "Inputs", "Layers", "Inventory", "Building",
        "Catalog",
        "Workspaces", "Launch", "Pipeline", arguments,
      ]),
    .executableTarget(name: "hutch", dependencies: ["Commands"], swiftSettings: strict),

    .target(
      name: "TestSupport", dependencies: ["Host"], path: "Tests/TestSupport",
      swiftSettings: strict),
    tests("Vocabulary", []),
    tests("Host", ["Vocabulary", "CLinux"]),
    tests("Archives", ["Vocabulary", "Host"]),
    tests("Recipes", ["Vocabulary"], files: ["Fixtures"]),
    tests("Planning", ["Vocabulary", "Recipes"]),
    tests("Inputs", ["Vocabulary", "Host", "Recipes"]),
    tests("Layers", ["Vocabulary", "Host", "Archives"]),
    tests("Inventory", ["Vocabulary", "Layers"]),
    tests("Building", ["Vocabulary", "Host", "Layers"]),
    tests("Catalog", ["Vocabulary", "Host", grdb], files: ["Fixtures"]),
    tests("Disks", ["Vocabulary", "Host", "Layers"]),
    tests("GuestProtocol", []),
    tests("Workspaces", ["Vocabulary", "Host", "GuestProtocol"]),
    tests("Launch", ["Vocabulary", "Host", "GuestProtocol"], files: ["Golden"]),
    tests("Pipeline", ["Vocabulary", "Host", "Catalog"]),
    tests(
      "Commands", ["Vocabulary", "Host", "Layers", "Pipeline", arguments], files: ["Golden"]),
  ],
  swiftLanguageModes: [.v6]
)
