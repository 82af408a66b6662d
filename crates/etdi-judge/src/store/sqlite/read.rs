//! Reads the records of a tool.

use std::collections::BTreeMap;

use etdi_types::records::PinnedKey;
use etdi_types::{ApprovalRecord, Known, ServerIdentity, Subject};
use rusqlite::Connection;

use super::error::Fault;
use super::record::{all, approval, entry, first, get, pin, text};

/// The ids that ever had this served name, and the id itself.
const SAME_TOOL: &str = "SELECT tool FROM names WHERE server = ?1 AND served_name = ?2 \
                         UNION SELECT ?3";

/// Returns the records of `subject`.
pub(super) fn known(connection: &Connection, subject: &Subject) -> Result<Known, Fault> {
    let server = subject.server.to_string();
    let same_tool = (&server, &subject.served_name, &subject.id);
    let pins = "SELECT * FROM pins WHERE server = ?1 AND tool IN";
    let approvals = "SELECT * FROM approvals WHERE server = ?1 AND tool IN";
    let mut ledger = Vec::new();
    if let Some(version) = &subject.version {
        let version = version.to_string();
        let here = "SELECT * FROM ledger WHERE server = ?1 AND tool = ?2 AND version = ?3";
        ledger.extend(first(connection, here, (&server, &subject.id, &version), entry)?);
        if let Some(provider) = &subject.provider {
            let elsewhere = "SELECT * FROM ledger WHERE provider = ?1 AND tool = ?2 AND version = ?3 \
                             AND global_since IS NOT NULL AND server <> ?4 \
                             ORDER BY global_since, seq LIMIT 1";
            let params = (provider, &subject.id, &version, &server);
            ledger.extend(first(connection, elsewhere, params, entry)?);
        }
    }
    let look_alikes = "SELECT * FROM approvals WHERE server <> ?1 AND seq IN ( \
                         SELECT seq FROM approvals WHERE superseded = 0 AND name_key = ?2 UNION \
                         SELECT seq FROM approvals WHERE superseded = 0 AND id_key = ?3 \
                       ) ORDER BY seq";
    let keys = (&server, &subject.name_key, &subject.id_key);
    let keyed = "SELECT * FROM pins WHERE server = ?1 AND keyed = 1 ORDER BY tool";
    let pins = format!("{pins} ({SAME_TOOL}) ORDER BY seq");
    let approvals = format!("{approvals} ({SAME_TOOL}) ORDER BY seq");
    let mut known = Known::default();
    known.pins = all(connection, &pins, same_tool, pin)?;
    known.approvals = all(connection, &approvals, same_tool, approval)?;
    known.ledger = ledger;
    known.elsewhere = all(connection, look_alikes, keys, approval)?;
    let keyed = all(connection, keyed, [&server], pin)?;
    known.pinned_keys = keyed.iter().filter_map(PinnedKey::of).collect();
    Ok(known)
}

/// Returns every approval, including superseded ones.
pub(super) fn approvals(connection: &Connection) -> Result<Vec<ApprovalRecord>, Fault> {
    let query = "SELECT * FROM approvals ORDER BY server, tool, context, seq";
    all(connection, query, [], approval)
}

/// Returns the served names of approved tools. Records of a server as a whole have no served name
/// and are left out.
pub(super) fn approved_names(
    connection: &Connection,
) -> Result<Vec<(ServerIdentity, String)>, Fault> {
    let query = "SELECT DISTINCT server, served_name FROM approvals \
                 WHERE superseded = 0 AND served_name <> '' ORDER BY server, served_name";
    all(connection, query, [], |row| Ok((text(row, "server")?, get(row, "served_name")?)))
}

/// Returns the names of servers on stdio, or else the programs behind their commands.
pub(super) fn server_names(
    connection: &Connection,
) -> Result<BTreeMap<ServerIdentity, String>, Fault> {
    // The record of the name comes after that of the program, and so replaces it in the map.
    let query = "SELECT * FROM pins WHERE served_name = '' \
                 AND tool IN ('executable:' || server, 'name:' || server) ORDER BY tool";
    let mut names = BTreeMap::new();
    for pin in all(connection, query, [], pin)? {
        let name = match pin.id.starts_with("executable:") {
            // The digest of the program follows its path.
            true => pin.definition.rsplit_once(" (").map_or(&*pin.definition, |(path, _)| path),
            false => &pin.definition,
        };
        names.insert(pin.server, name.to_owned());
    }
    Ok(names)
}
