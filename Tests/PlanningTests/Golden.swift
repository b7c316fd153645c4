enum Golden {
  static let parent = "sha256:e47125968b3b71049fbc4802d1e40a71ea1359decfabacf70b34588037d4ff0c"

  static let records = [
    """
    architecture = amd64
    bootstrap.suite = trixie
    configuration = none
    date = 1750000000
    format = 1
    input.trixie:amd64 = 1.0-1 \
    sha256:ee9f250c63dfded572810ce8be5065d0c5abe418ad23c2f0a0b28ef97f334382
    kind = bootstrap
    normaliser = 1
    parent = none

    """,
    """
    apt.packages = curl git
    apt.recommends = false
    apt.upgrade = false
    architecture = amd64
    configuration = sha256:2aac6e700c535468d237da14ff27bd8683832a32dc2908eaa72dd10bd56b7c57
    date = 1750000000
    format = 1
    input.curl:amd64 = 1.0-1 sha256:f7f9ac26c0989155d7e79fcefb2efe05feb03a34d7e3e838c68ae0591bf2c91f
    input.git:amd64 = 1.0-1 sha256:698bc1f35c2476eb7de65aa7786759c32a20862739aee637962de5a0fdf246c1
    kind = apt
    normaliser = 1
    parent = \(parent)

    """,
    """
    architecture = amd64
    configuration = sha256:596370203a3660f722fd29b8b973c2fce34176c27a8a71af88e3e2e8c00d8ee9
    copy.file = directory
    copy.file/link = symlink run%20me
    copy.file/run%20me = 0755 \
    sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
    copy.to = /opt/tool
    date = 1750000000
    format = 1
    kind = copy
    normaliser = 1
    parent = \(parent)

    """,
    """
    architecture = amd64
    configuration = sha256:596370203a3660f722fd29b8b973c2fce34176c27a8a71af88e3e2e8c00d8ee9
    date = 1750000000
    format = 1
    kind = run
    normaliser = 1
    parent = \(parent)
    run.network = false
    run.script = sha256:b5bea41b6c623f7c09f1bf24dcae58ebab3c0cdd90ad966bc43a45b44867e12b
    run.user = root

    """,
  ]

  /// Hex digits, all over no parent.
  static let keys = [
    "df765fc7763c333f4f3e4395791c64adfe9a791330460c3c1f74865667b5776c",
    "94bc90b95ddab84944a76cf62c3162879018dbb05abf868e424db50bf37c8f71",
    "3d59d8e66e34a28b778ca6f418bde00cc2a9a3887e8d99c36c41d2bbdb6ae63c",
    "e7eef22a6d97c5888174a87fb388fe7d48be6d901eba1923bab09dab043b45a5",
  ]
}
