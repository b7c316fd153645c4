extension Schema {
  /// Tools of VMs: disks beside the one that a VM was made of, and the images that they come from.
  static let version2 = """
    CREATE TABLE vm_tool (
      vm        INTEGER NOT NULL REFERENCES vm (id) ON DELETE CASCADE,
      position  INTEGER NOT NULL,
      name      TEXT NOT NULL CHECK (
                  name GLOB '[a-z0-9]*' AND name NOT GLOB '*[^a-z0-9-]*'
                  AND length(name) <= 63),
      image     INTEGER NOT NULL REFERENCES image (object) ON DELETE RESTRICT,
      disk      INTEGER NOT NULL REFERENCES object (id) ON DELETE RESTRICT,
      PRIMARY KEY (vm, position),
      UNIQUE (vm, name)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX vm_tool_image ON vm_tool (image);
    CREATE INDEX vm_tool_disk ON vm_tool (disk);
    """
}
