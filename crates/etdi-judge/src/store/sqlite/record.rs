//! Converts records to rows, and rows to records. A row that does not become the same record again
//! is an error.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use etdi_types::{ApprovalRecord, Digest, LedgerEntry, Pin};
use rusqlite::types::FromSql;
use rusqlite::{Connection, Params, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use super::error::Fault;

/// Returns all rows of a query, read by `read`.
pub(super) fn all<T>(
    connection: &Connection,
    query: &str,
    params: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut statement = connection.prepare_cached(query)?;
    let mut rows = statement.query(params)?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(read(row)?);
    }
    Ok(records)
}

/// Returns the first row of a query, read by `read`.
pub(super) fn first<T>(
    connection: &Connection,
    query: &str,
    params: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    let mut statement = connection.prepare_cached(query)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(read).transpose()
}

/// Reads a row of `pins`.
pub(super) fn pin(row: &Row<'_>) -> Result<Pin, Fault> {
    let definition: String = get(row, "definition")?;
    let mut pin = Pin::new(
        text(row, "server")?,
        get::<String>(row, "tool")?,
        from_json(row, "evidence")?,
        digest_of(row, &definition)?,
        definition,
        time(row, "at")?,
    );
    pin.served_name = get(row, "served_name")?;
    pin.provider = get(row, "provider")?;
    pin.version = optional_text(row, "version")?;
    Ok(pin)
}

/// Reads a row of `approvals`, whose first columns are those of a pin.
pub(super) fn approval(row: &Row<'_>) -> Result<ApprovalRecord, Fault> {
    let until: Option<String> = get(row, "until")?;
    let mut approval = ApprovalRecord::new(
        pin(row)?,
        from_json(row, "context")?,
        get::<String>(row, "approved_by")?,
        from_json(row, "basis")?,
    );
    approval.granted = from_json(row, "granted")?;
    approval.until = until.map(|until| read_time(row, "until", &until)).transpose()?;
    approval.evidence_good_at = time(row, "evidence_good_at")?;
    approval.superseded = get(row, "superseded")?;
    Ok(approval)
}

/// Reads a row of `ledger`.
pub(super) fn entry(row: &Row<'_>) -> Result<LedgerEntry, Fault> {
    let definition: String = get(row, "definition")?;
    let since: Option<i64> = get(row, "global_since")?;
    let mut entry = LedgerEntry::new(
        text(row, "server")?,
        get::<String>(row, "provider")?,
        get::<String>(row, "tool")?,
        text(row, "version")?,
        digest_of(row, &definition)?,
        definition,
    );
    entry.global = since.is_some();
    Ok(entry)
}

/// Reads the value of a column.
pub(super) fn get<T: FromSql>(row: &Row<'_>, column: &str) -> Result<T, Fault> {
    row.get(column).map_err(|error| match error {
        failure @ rusqlite::Error::SqliteFailure(..) => Fault::Sql(failure),
        other => unreadable(row, column, &other),
    })
}

pub(super) fn text<T: FromStr<Err: Display>>(row: &Row<'_>, column: &str) -> Result<T, Fault> {
    let text: String = get(row, column)?;
    text.parse().map_err(|error| unreadable(row, column, &error))
}

pub(super) fn time(row: &Row<'_>, column: &str) -> Result<OffsetDateTime, Fault> {
    let text: String = get(row, column)?;
    read_time(row, column, &text)
}

pub(super) fn json(value: &impl Serialize) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|error| Fault::Unstorable(error.to_string()))
}

/// Writes a time as RFC 3339, in UTC, to the nanosecond.
pub(super) fn rfc3339(time: OffsetDateTime) -> Result<String, Fault> {
    time.to_offset(UtcOffset::UTC)
        .format(&Rfc3339)
        .map_err(|error| Fault::Unstorable(format!("the time {time}: {error}")))
}

/// Fails if the digest is not the digest of the definition: reading the record back relies on this.
pub(super) fn is_whole(digest: Digest, definition: &Arc<str>) -> Result<(), Fault> {
    if Digest::of(definition.as_bytes()) == digest {
        Ok(())
    } else {
        Err(Fault::Unstorable(format!("{digest} is not the digest of the definition")))
    }
}

fn digest_of(row: &Row<'_>, definition: &str) -> Result<Digest, Fault> {
    let digest: Digest = text(row, "digest")?;
    if Digest::of(definition.as_bytes()) == digest {
        Ok(digest)
    } else {
        Err(unreadable(row, "definition", &"the digest of the definition does not match it"))
    }
}

fn optional_text<T: FromStr<Err: Display>>(
    row: &Row<'_>,
    column: &str,
) -> Result<Option<T>, Fault> {
    let text: Option<String> = get(row, column)?;
    text.map(|text| text.parse().map_err(|error| unreadable(row, column, &error))).transpose()
}

fn from_json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> Result<T, Fault> {
    let text: String = get(row, column)?;
    serde_json::from_str(&text).map_err(|error| unreadable(row, column, &error))
}

fn read_time(row: &Row<'_>, column: &str, text: &str) -> Result<OffsetDateTime, Fault> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|error| unreadable(row, column, &error))
}

fn unreadable(row: &Row<'_>, column: &str, why: &dyn Display) -> Fault {
    let tool: String = row.get("tool").unwrap_or_default();
    let server: String = row.get("server").unwrap_or_default();
    Fault::Record(format!("{column} of \"{tool}\" on {server}: {why}"))
}
