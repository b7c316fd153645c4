CREATE TABLE lease (
  id          TEXT PRIMARY KEY NOT NULL,
  purpose     TEXT NOT NULL,
  pid         INTEGER NOT NULL,
  created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE object (
  id                INTEGER PRIMARY KEY AUTOINCREMENT,
  kind              TEXT NOT NULL CHECK (kind IN (
                      'layer', 'toc', 'config', 'manifest', 'image', 'input', 'tree', 'disk',
                      'warm', 'boot', 'checkpoint', 'sbom', 'provenance', 'signature',
                      'bundle', 'log')),
  key               TEXT NOT NULL CHECK (key <> ''),
  state             TEXT NOT NULL CHECK (state IN (
                      'writing', 'ready', 'quarantined', 'deleting')),
  digest            TEXT,
  architecture      TEXT,
  size              INTEGER NOT NULL DEFAULT 0 CHECK (size >= 0),
  allocated         INTEGER NOT NULL DEFAULT 0 CHECK (allocated >= 0),
  derived           INTEGER NOT NULL DEFAULT 0 CHECK (derived IN (0, 1)),
  rebuild_ms        INTEGER CHECK (rebuild_ms >= 0),
  created_at        INTEGER NOT NULL,
  last_used_at      INTEGER NOT NULL,
  last_verified_at  INTEGER,
  writer            TEXT REFERENCES lease (id) ON DELETE SET NULL,
  detail            TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(detail)),
  UNIQUE (kind, key)
) STRICT;

CREATE INDEX object_writer ON object (writer) WHERE writer IS NOT NULL;

CREATE TABLE encoding (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  object  INTEGER NOT NULL REFERENCES object (id) ON DELETE CASCADE,
  blob    TEXT NOT NULL UNIQUE,
  codec   TEXT NOT NULL,
  csize   INTEGER NOT NULL CHECK (csize >= 0)
) STRICT;

CREATE INDEX encoding_object ON encoding (object);

CREATE TABLE file (
  path      TEXT PRIMARY KEY NOT NULL CHECK (
              path <> '' AND path NOT GLOB '*[^A-Za-z0-9._/-]*' AND path NOT GLOB '/*'
              AND path NOT GLOB '*/' AND '/' || path || '/' NOT LIKE '%/../%'
              AND '/' || path || '/' NOT LIKE '%/./%'),
  object    INTEGER NOT NULL REFERENCES object (id) ON DELETE CASCADE,
  encoding  INTEGER REFERENCES encoding (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX file_object ON file (object);

CREATE INDEX file_encoding ON file (encoding) WHERE encoding IS NOT NULL;

CREATE TABLE edge (
  holder    INTEGER NOT NULL REFERENCES object (id) ON DELETE CASCADE,
  role      TEXT NOT NULL,
  position  INTEGER NOT NULL DEFAULT 0,
  needed    INTEGER NOT NULL REFERENCES object (id) ON DELETE RESTRICT,
  PRIMARY KEY (holder, role, position, needed)
) STRICT, WITHOUT ROWID;

CREATE INDEX edge_needed ON edge (needed);

CREATE TABLE soft_edge (
  holder  INTEGER NOT NULL REFERENCES object (id) ON DELETE CASCADE,
  role    TEXT NOT NULL,
  wanted  INTEGER NOT NULL REFERENCES object (id) ON DELETE CASCADE,
  PRIMARY KEY (holder, role, wanted)
) STRICT, WITHOUT ROWID;

CREATE INDEX soft_edge_wanted ON soft_edge (wanted);

CREATE TABLE manifest_blob (
  manifest  INTEGER NOT NULL REFERENCES object (id) ON DELETE CASCADE,
  position  INTEGER NOT NULL,
  encoding  INTEGER NOT NULL REFERENCES encoding (id) ON DELETE RESTRICT,
  PRIMARY KEY (manifest, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX manifest_blob_encoding ON manifest_blob (encoding);

CREATE TABLE step (
  key       TEXT PRIMARY KEY NOT NULL,
  record    TEXT NOT NULL,
  layer     INTEGER NOT NULL REFERENCES object (id) ON DELETE CASCADE,
  recipe    TEXT NOT NULL,
  ordinal   INTEGER NOT NULL,
  impure    INTEGER NOT NULL CHECK (impure IN (0, 1)),
  build_ms  INTEGER NOT NULL CHECK (build_ms >= 0),
  built_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX step_layer ON step (layer);

CREATE INDEX step_place ON step (recipe, ordinal, built_at);

CREATE TABLE claim (
  work   TEXT PRIMARY KEY NOT NULL,
  lease  TEXT NOT NULL REFERENCES lease (id) ON DELETE CASCADE
) STRICT;

CREATE INDEX claim_lease ON claim (lease);

CREATE TABLE image (
  object        INTEGER PRIMARY KEY REFERENCES object (id) ON DELETE CASCADE,
  chain         TEXT NOT NULL,
  architecture  TEXT NOT NULL,
  impure        INTEGER NOT NULL CHECK (impure IN (0, 1)),
  recorded_at   INTEGER NOT NULL
) STRICT;

CREATE INDEX image_chain ON image (chain);

CREATE TABLE tag (
  name           TEXT PRIMARY KEY NOT NULL CHECK (
                   name GLOB '[a-z0-9]*' AND name NOT GLOB '*[^A-Za-z0-9._:-]*'
                   AND length(name) <= 192),
  image          INTEGER NOT NULL REFERENCES image (object) ON DELETE RESTRICT,
  recipe         TEXT,
  recipe_digest  TEXT,
  lock_digest    TEXT,
  updated_at     INTEGER NOT NULL
) STRICT;

CREATE INDEX tag_image ON tag (image);

CREATE TABLE tag_history (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  name           TEXT NOT NULL,
  image          INTEGER NOT NULL REFERENCES image (object) ON DELETE CASCADE,
  recipe_digest  TEXT,
  lock_digest    TEXT,
  tagged_at      INTEGER NOT NULL
) STRICT;

CREATE INDEX tag_history_name ON tag_history (name, id);

CREATE INDEX tag_history_image ON tag_history (image);

CREATE TABLE pin (
  object      INTEGER PRIMARY KEY REFERENCES object (id) ON DELETE RESTRICT,
  reason      TEXT NOT NULL,
  created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE disk (
  object        INTEGER PRIMARY KEY REFERENCES object (id) ON DELETE CASCADE,
  chain         TEXT NOT NULL,
  formatter     TEXT NOT NULL,
  format        TEXT NOT NULL CHECK (format IN ('raw', 'qcow2')),
  virtual_size  INTEGER NOT NULL CHECK (virtual_size > 0),
  depth         INTEGER NOT NULL CHECK (depth >= 0),
  dead_bytes    INTEGER NOT NULL DEFAULT 0 CHECK (dead_bytes >= 0),
  UNIQUE (chain, formatter)
) STRICT;

CREATE TABLE vm (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  name        TEXT NOT NULL UNIQUE CHECK (
                name GLOB '[a-z0-9]*' AND name NOT GLOB '*[^a-z0-9-]*'
                AND length(name) <= 63),
  image       INTEGER REFERENCES image (object) ON DELETE RESTRICT,
  disk        INTEGER NOT NULL REFERENCES object (id) ON DELETE RESTRICT,
  boot        INTEGER REFERENCES object (id) ON DELETE RESTRICT,
  warm        INTEGER REFERENCES object (id) ON DELETE RESTRICT,
  disk_size   INTEGER NOT NULL CHECK (disk_size > 0),
  seed        TEXT NOT NULL CHECK (length(seed) = 64 AND seed NOT GLOB '*[^0-9a-f]*'),
  state       TEXT NOT NULL CHECK (state IN (
                'created', 'running', 'paused', 'stopped', 'finished', 'crashed')),
  ephemeral   INTEGER NOT NULL CHECK (ephemeral IN (0, 1)),
  unsynced    INTEGER NOT NULL DEFAULT 0 CHECK (unsynced IN (0, 1)),
  cpus        INTEGER NOT NULL CHECK (cpus > 0),
  memory      INTEGER NOT NULL CHECK (memory > 0),
  created_at  INTEGER NOT NULL,
  changed_at  INTEGER NOT NULL,
  supervisor  TEXT REFERENCES lease (id) ON DELETE SET NULL,
  detail      TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(detail))
) STRICT;

CREATE INDEX vm_image ON vm (image);

CREATE INDEX vm_disk ON vm (disk);

CREATE INDEX vm_boot ON vm (boot);

CREATE INDEX vm_warm ON vm (warm) WHERE warm IS NOT NULL;

CREATE INDEX vm_supervisor ON vm (supervisor) WHERE supervisor IS NOT NULL;

CREATE TABLE checkpoint (
  object      INTEGER PRIMARY KEY REFERENCES object (id) ON DELETE RESTRICT,
  vm          TEXT NOT NULL,
  name        TEXT NOT NULL,
  created_at  INTEGER NOT NULL,
  UNIQUE (vm, name)
) STRICT;

CREATE TABLE lease_ref (
  lease   TEXT NOT NULL REFERENCES lease (id) ON DELETE CASCADE,
  object  INTEGER NOT NULL REFERENCES object (id) ON DELETE RESTRICT,
  PRIMARY KEY (lease, object)
) STRICT, WITHOUT ROWID;

CREATE INDEX lease_ref_object ON lease_ref (object);

CREATE TABLE rebuild (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  image          INTEGER NOT NULL REFERENCES image (object) ON DELETE CASCADE,
  recipe_digest  TEXT,
  lock_digest    TEXT,
  host           TEXT NOT NULL,
  tools          TEXT NOT NULL,
  result         TEXT NOT NULL,
  matched        INTEGER NOT NULL CHECK (matched IN (0, 1)),
  signer         TEXT,
  at             INTEGER NOT NULL
) STRICT;

CREATE INDEX rebuild_image ON rebuild (image);

CREATE TABLE event (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  at       INTEGER NOT NULL,
  actor    TEXT NOT NULL,
  action   TEXT NOT NULL,
  subject  TEXT NOT NULL,
  reason   TEXT NOT NULL,
  bytes    INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE trash (
  id            TEXT PRIMARY KEY NOT NULL,
  committed_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE fact (
  name   TEXT PRIMARY KEY NOT NULL,
  value  TEXT NOT NULL
) STRICT;

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
