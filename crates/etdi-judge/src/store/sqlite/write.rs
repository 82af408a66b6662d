//! Changes the records. Each function runs in one transaction; most return whether anything
//! changed.

use std::collections::BTreeSet;

use etdi_types::confusable::{id_key, name_key};
use etdi_types::records::PinnedKey;
use etdi_types::{
    ApprovalRecord, AuthorizationContext, Digest, EvidenceRecord, LedgerEntry, Pin, ServerIdentity,
};
use rusqlite::{Connection, Params, named_params};
use time::OffsetDateTime;

use super::error::Fault;
use super::record::{first, get, is_whole, json, rfc3339, text, time};
use crate::store::{Sighting, UNPROVEN_BYTES_PER_SERVER, UNPROVEN_PER_SERVER};

/// Keeps the missing records of each sighting. `revision` is the revision that this write makes.
pub(super) fn record(
    connection: &Connection,
    sightings: &[Sighting],
    revision: u64,
) -> Result<bool, Fault> {
    let (mut pinned, mut entered) = (BTreeSet::new(), BTreeSet::new());
    let mut changed = false;
    for sighting in sightings {
        let pin = &sighting.pin;
        if let Some(context) = &sighting.refreshes {
            refresh(connection, pin, context)?;
        }
        if add_pin(connection, pin)? {
            pinned.insert(&pin.server);
        }
        if let Some(entry) = &sighting.ledger
            && add_entry(connection, entry, revision)?
        {
            changed = true;
            entered.insert(&entry.server);
        }
    }
    changed |= !pinned.is_empty();
    for server in pinned {
        drop_surplus(connection, server, "pins", "bounded = 1")?;
    }
    for server in entered {
        drop_surplus(connection, server, "ledger", "global_since IS NULL")?;
    }
    Ok(changed)
}

/// Deletes the oldest `unproven` records of a server in `table`, if there are too many, or if their
/// definitions are too long together.
fn drop_surplus(
    connection: &Connection,
    server: &ServerIdentity,
    table: &str,
    unproven: &str,
) -> Result<(), Fault> {
    let surplus = format!(
        "DELETE FROM {table} WHERE seq IN (SELECT seq FROM ( \
             SELECT seq, row_number() OVER newest AS place, \
                    sum(octet_length(definition)) OVER newest AS bytes \
             FROM {table} WHERE server = ?1 AND {unproven} WINDOW newest AS (ORDER BY seq DESC)) \
         WHERE place > ?2 OR bytes > ?3)"
    );
    let limits = (server.to_string(), UNPROVEN_PER_SERVER, UNPROVEN_BYTES_PER_SERVER);
    execute(connection, &surplus, limits)?;
    Ok(())
}

/// Records an approval. If the approved digest is not the expected one, records nothing and returns
/// the approved digest as the inner error.
pub(super) fn approve(
    connection: &Connection,
    approval: &ApprovalRecord,
    ledger: Option<&LedgerEntry>,
    expected: Option<Digest>,
    revision: u64,
) -> Result<Result<(), Option<Digest>>, Fault> {
    let pin = &approval.pin;
    let (server, context) = (pin.server.to_string(), json(&approval.context)?);
    let current = "SELECT * FROM approvals \
                   WHERE server = ?1 AND tool = ?2 AND context = ?3 AND superseded = 0";
    let here = (&server, &pin.id, &context);
    let approved = first(connection, current, here, |row| text(row, "digest"))?;
    if approved != expected {
        return Ok(Err(approved));
    }
    if pin.provider.is_some() {
        let unsigned = "UPDATE approvals SET superseded = 1 \
                        WHERE server = ?1 AND context = ?3 AND provider IS NULL AND tool IN \
                        (SELECT tool FROM names WHERE server = ?1 AND served_name = ?2)";
        execute(connection, unsigned, (&server, &pin.served_name, &context))?;
    }
    move_pin(connection, pin)?;
    let same = "DELETE FROM approvals \
                WHERE server = ?1 AND tool = ?2 AND context = ?3 AND digest = ?4";
    execute(connection, same, (&server, &pin.id, &context, pin.digest.to_string()))?;
    let earlier = "UPDATE approvals SET superseded = 1 \
                   WHERE server = ?1 AND tool = ?2 AND context = ?3";
    execute(connection, earlier, here)?;
    add_approval(connection, approval, &context)?;
    // Entries of approvals are not bounded here; the next listing that adds an entry counts this
    // one.
    if let Some(entry) = ledger {
        add_entry(connection, entry, revision)?;
    }
    Ok(Ok(()))
}

/// Forgets the tool with this id. Returns whether there was a record.
pub(super) fn forget(connection: &Connection, server: &str, id: &str) -> Result<bool, Fault> {
    // A record of the server as a whole has no served name, and is not a tool.
    let of_server = "SELECT tool FROM pins WHERE server = ?1 AND tool = ?2 AND served_name = ''";
    match first(connection, of_server, (server, id), |row| get::<String>(row, "tool"))? {
        Some(_) => Ok(false),
        None => forget_record(connection, server, id),
    }
}

/// Forgets all records of one id. Returns whether there was a record.
pub(super) fn forget_record(
    connection: &Connection,
    server: &str,
    id: &str,
) -> Result<bool, Fault> {
    let mut any = false;
    for table in ["approvals", "pins", "ledger"] {
        let all = format!("DELETE FROM {table} WHERE server = ?1 AND tool = ?2");
        any |= execute(connection, &all, (server, id))? > 0;
    }
    Ok(any)
}

/// Records the name of a server. Returns whether the name changed.
pub(super) fn name_server(
    connection: &Connection,
    server: &ServerIdentity,
    name: &str,
    at: OffsetDateTime,
) -> Result<bool, Fault> {
    let id = format!("name:{server}");
    let known = "SELECT definition FROM pins WHERE server = ?1 AND tool = ?2";
    let known = first(connection, known, (server.to_string(), &id), |row| {
        get::<String>(row, "definition")
    })?;
    if known.as_deref() == Some(name) {
        return Ok(false);
    }
    move_pin(
        connection,
        &Pin::new(server.clone(), id, EvidenceRecord::None, Digest::of(name.as_bytes()), name, at),
    )?;
    Ok(true)
}

/// Notes on the approval of this digest that the evidence is good now.
fn refresh(
    connection: &Connection,
    pin: &Pin,
    context: &AuthorizationContext,
) -> Result<(), Fault> {
    let query = "SELECT * FROM approvals WHERE server = ?1 AND tool = ?2 AND context = ?3 \
                 AND digest = ?4 AND superseded = 0";
    let params = (pin.server.to_string(), &pin.id, json(context)?, pin.digest.to_string());
    let found = first(connection, query, params, |row| {
        Ok((get::<i64>(row, "seq")?, time(row, "evidence_good_at")?))
    })?;
    if let Some((seq, _)) = found.filter(|(_, good_at)| *good_at < pin.at) {
        let update = "UPDATE approvals SET evidence_good_at = ?2 WHERE seq = ?1";
        execute(connection, update, (seq, rfc3339(pin.at)?))?;
    }
    Ok(())
}

fn add_pin(connection: &Connection, pin: &Pin) -> Result<bool, Fault> {
    // Only pins of tools are bounded. A record of the server as a whole has no served name.
    let bounded = !pin.served_name.is_empty();
    let added = put_pin(connection, pin, bounded, "DO NOTHING")? > 0;
    if added {
        add_name(connection, pin)?;
    }
    Ok(added)
}

fn move_pin(connection: &Connection, pin: &Pin) -> Result<(), Fault> {
    let moved = "DO UPDATE SET served_name = excluded.served_name, provider = excluded.provider, \
                 version = excluded.version, evidence = excluded.evidence, \
                 digest = excluded.digest, definition = excluded.definition, at = excluded.at, \
                 keyed = excluded.keyed, bounded = excluded.bounded";
    put_pin(connection, pin, false, moved)?;
    add_name(connection, pin)
}

fn put_pin(
    connection: &Connection,
    pin: &Pin,
    bounded: bool,
    on_conflict: &str,
) -> Result<usize, Fault> {
    is_whole(pin.digest, &pin.definition)?;
    let insert = format!(
        "INSERT INTO pins (server, tool, served_name, provider, version, evidence, digest, \
                           definition, at, keyed, bounded) \
         VALUES (:server, :tool, :served_name, :provider, :version, :evidence, :digest, \
                 :definition, :at, :keyed, :bounded) \
         ON CONFLICT (server, tool) {on_conflict}"
    );
    let params = named_params! {
        ":server": pin.server.to_string(),
        ":tool": pin.id,
        ":served_name": pin.served_name,
        ":provider": pin.provider,
        ":version": pin.version.as_ref().map(ToString::to_string),
        ":evidence": json(&pin.evidence)?,
        ":digest": pin.digest.to_string(),
        ":definition": &*pin.definition,
        ":at": rfc3339(pin.at)?,
        ":keyed": PinnedKey::of(pin).is_some(),
        ":bounded": bounded,
    };
    execute(connection, &insert, params)
}

fn add_name(connection: &Connection, pin: &Pin) -> Result<(), Fault> {
    let insert = "INSERT INTO names (server, served_name, tool) VALUES (?1, ?2, ?3) \
                  ON CONFLICT DO NOTHING";
    execute(connection, insert, (pin.server.to_string(), &pin.served_name, &pin.id))?;
    Ok(())
}

fn add_approval(
    connection: &Connection,
    approval: &ApprovalRecord,
    context: &str,
) -> Result<(), Fault> {
    let pin = &approval.pin;
    let insert = "INSERT INTO approvals (server, tool, served_name, provider, version, evidence, \
                      digest, definition, at, context, granted, approved_by, basis, \
                      until, evidence_good_at, superseded, name_key, id_key) \
                  VALUES (:server, :tool, :served_name, :provider, :version, :evidence, \
                      :digest, :definition, :at, :context, :granted, :approved_by, :basis, \
                      :until, :evidence_good_at, :superseded, :name_key, :id_key)";
    let params = named_params! {
        ":server": pin.server.to_string(),
        ":tool": pin.id,
        ":served_name": pin.served_name,
        ":provider": pin.provider,
        ":version": pin.version.as_ref().map(ToString::to_string),
        ":evidence": json(&pin.evidence)?,
        ":digest": pin.digest.to_string(),
        ":definition": &*pin.definition,
        ":at": rfc3339(pin.at)?,
        ":context": context,
        ":granted": json(&approval.granted)?,
        ":approved_by": approval.by,
        ":basis": json(&approval.basis)?,
        ":until": approval.until.map(rfc3339).transpose()?,
        ":evidence_good_at": rfc3339(approval.evidence_good_at)?,
        ":superseded": approval.superseded,
        ":name_key": name_key(&pin.served_name),
        // The id of an unsigned tool is made from its server and name, so it is not compared with
        // other ids.
        ":id_key": pin.provider.as_ref().map(|_| id_key(&pin.id)),
    };
    execute(connection, insert, params)?;
    Ok(())
}

fn add_entry(connection: &Connection, entry: &LedgerEntry, revision: u64) -> Result<bool, Fault> {
    is_whole(entry.digest, &entry.definition)?;
    let since = entry.global.then_some(revision);
    let insert = "INSERT INTO ledger (server, provider, tool, version, digest, definition, \
                                      global_since) \
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
                  ON CONFLICT (server, tool, version) DO UPDATE SET global_since = ?7 \
                  WHERE global_since IS NULL AND ?7 IS NOT NULL AND digest = ?5";
    let params = (
        entry.server.to_string(),
        &entry.provider,
        &entry.id,
        entry.version.to_string(),
        entry.digest.to_string(),
        &*entry.definition,
        since,
    );
    Ok(execute(connection, insert, params)? > 0)
}

/// Runs a statement and returns how many rows changed.
fn execute(connection: &Connection, statement: &str, params: impl Params) -> Result<usize, Fault> {
    Ok(connection.prepare_cached(statement)?.execute(params)?)
}
