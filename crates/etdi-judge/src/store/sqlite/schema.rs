//! The tables, and the migrations of an older file.

use rusqlite::{Connection, TransactionBehavior};

use super::error::Fault;

/// `application_id` in the file's header: "ETDI" in ASCII.
pub(super) const APPLICATION_ID: i32 = 0x4554_4449;

/// The migrations: entry n takes a file from `user_version` n to n + 1. A released entry never
/// changes; a new schema is a new entry.
pub(super) const MIGRATIONS: &[&str] = &[V1, V2];

const V1: &str = "
    -- Which store this is, and how far.
    CREATE TABLE store (
        one      INTEGER PRIMARY KEY CHECK (one = 1),
        id       TEXT NOT NULL CHECK (length(id) = 32),
        revision INTEGER NOT NULL CHECK (revision >= 0)
    ) STRICT;
    INSERT INTO store VALUES (1, lower(hex(randomblob(16))), 0);

    CREATE TABLE pins (
        seq         INTEGER PRIMARY KEY AUTOINCREMENT,
        server      TEXT NOT NULL,
        tool        TEXT NOT NULL,
        served_name TEXT NOT NULL,
        provider    TEXT,
        version     TEXT,
        evidence    TEXT NOT NULL,
        digest      TEXT NOT NULL,
        definition  TEXT NOT NULL,
        at          TEXT NOT NULL,
        -- Whether the evidence holds a key that a person supplied.
        keyed       INTEGER NOT NULL CHECK (keyed IN (0, 1)),
        -- Whether no person stands behind it, so that only so many are kept.
        bounded     INTEGER NOT NULL CHECK (bounded IN (0, 1)),
        UNIQUE (server, tool)
    ) STRICT;
    CREATE INDEX pins_keyed ON pins (server, tool) WHERE keyed = 1;
    CREATE INDEX pins_bounded ON pins (server, seq) WHERE bounded = 1;

    -- Every name that a tool was pinned under.
    CREATE TABLE names (
        server      TEXT NOT NULL,
        served_name TEXT NOT NULL,
        tool        TEXT NOT NULL,
        PRIMARY KEY (server, served_name, tool),
        FOREIGN KEY (server, tool) REFERENCES pins (server, tool) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX names_by_tool ON names (server, tool);

    CREATE TABLE approvals (
        seq              INTEGER PRIMARY KEY AUTOINCREMENT,
        server           TEXT NOT NULL,
        tool             TEXT NOT NULL,
        served_name      TEXT NOT NULL,
        provider         TEXT,
        version          TEXT,
        evidence         TEXT NOT NULL,
        digest           TEXT NOT NULL,
        definition       TEXT NOT NULL,
        at               TEXT NOT NULL,
        context          TEXT NOT NULL,
        granted          TEXT NOT NULL,
        approved_by      TEXT NOT NULL,
        until            TEXT,
        evidence_good_at TEXT NOT NULL,
        superseded       INTEGER NOT NULL CHECK (superseded IN (0, 1)),
        name_key         TEXT NOT NULL,
        id_key           TEXT,
        UNIQUE (server, tool, context, digest),
        FOREIGN KEY (server, tool) REFERENCES pins (server, tool)
    ) STRICT;
    CREATE UNIQUE INDEX approvals_current ON approvals (server, tool, context) WHERE superseded = 0;
    CREATE INDEX approvals_by_name_key ON approvals (name_key) WHERE superseded = 0;
    CREATE INDEX approvals_by_id_key ON approvals (id_key)
        WHERE superseded = 0 AND id_key IS NOT NULL;

    CREATE TABLE ledger (
        seq          INTEGER PRIMARY KEY AUTOINCREMENT,
        server       TEXT NOT NULL,
        provider     TEXT NOT NULL,
        tool         TEXT NOT NULL,
        version      TEXT NOT NULL,
        digest       TEXT NOT NULL,
        definition   TEXT NOT NULL,
        -- The revision that made it count on every server; NULL while it does not.
        global_since INTEGER,
        UNIQUE (server, tool, version)
    ) STRICT;
    CREATE INDEX ledger_global ON ledger (provider, tool, version, global_since, seq)
        WHERE global_since IS NOT NULL;
    CREATE INDEX ledger_bounded ON ledger (server, seq) WHERE global_since IS NULL;
";

/// Adds the basis of each approval. The basis of earlier approvals is not known.
const V2: &str = r#"
    ALTER TABLE approvals ADD COLUMN basis TEXT NOT NULL DEFAULT '"unrecorded"';
"#;

/// Migrates the file to the last of `migrations`, in one transaction, and returns the version that
/// it had. A file of a later version is left as it is.
pub(super) fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<usize, Fault> {
    // Read the version under the lock: another process may be migrating the same file.
    let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i32 = step.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let found = usize::try_from(version)
        .map_err(|_| Fault::Corrupt(format!("its schema version is {version}")))?;
    let missing = migrations.get(found..).unwrap_or_default();
    for migration in missing {
        step.execute_batch(migration)?;
    }
    if !missing.is_empty() {
        step.pragma_update(None, "user_version", migrations.len())?;
    }
    step.commit()?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "CREATE TABLE things (name TEXT NOT NULL) STRICT; \
                         INSERT INTO things VALUES ('kept');";
    const SECOND: &str = "ALTER TABLE things ADD COLUMN size INTEGER NOT NULL DEFAULT 7";
    const THIRD: &str = "UPDATE things SET size = size + 1";

    fn version(connection: &Connection) -> i32 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_file_of_any_version_is_migrated_to_the_last_and_keeps_its_records() {
        for from in 0..=3 {
            let mut connection = Connection::open_in_memory().unwrap();
            let all = [FIRST, SECOND, THIRD];
            migrate(&mut connection, &all[..from]).unwrap();
            assert_eq!(migrate(&mut connection, &all).unwrap(), from);
            assert_eq!(migrate(&mut connection, &all).unwrap(), 3);
            assert_eq!(version(&connection), 3);
            let things = "SELECT name || size FROM things";
            let kept: String = connection.query_row(things, [], |row| row.get(0)).unwrap();
            assert_eq!(kept, "kept8");
        }
    }

    #[test]
    fn a_migration_that_fails_leaves_the_version_unchanged() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &[FIRST]).unwrap();
        let broken = [FIRST, SECOND, "UPDATE nothing SET size = 1"];
        migrate(&mut connection, &broken).unwrap_err();
        assert_eq!(version(&connection), 1);
        connection.prepare("SELECT size FROM things").unwrap_err();
        assert_eq!(migrate(&mut connection, &[FIRST, SECOND]).unwrap(), 1);
    }

    /// All files of one version must be alike, whenever they were made, so a released step never
    /// changes.
    #[test]
    fn the_first_migration_is_unchanged() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &MIGRATIONS[..1]).unwrap();
        let query = "SELECT group_concat(sql, ';') FROM \
                     (SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name)";
        let schema: String = connection.query_row(query, [], |row| row.get(0)).unwrap();
        let digest = etdi_types::Digest::of(schema.as_bytes()).to_string();
        assert_eq!(
            digest,
            "sha256:d64c42478184d29b443872d4677c65b5141636d1219c7b125caaf1166768a5e1"
        );
    }
}
