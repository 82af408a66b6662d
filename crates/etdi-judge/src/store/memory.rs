//! A store in memory, for tests and for hosts that ask again at every start.

mod share;

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use etdi_types::confusable::{id_key, name_key};
use etdi_types::records::PinnedKey;
use etdi_types::{
    ApprovalRecord, Digest, Known, LedgerEntry, Pin, ServerIdentity, Subject, Version,
};
use parking_lot::Mutex;

use crate::store::{ApprovalStore, Sighting, StoreError};
use share::Share;

/// Pins, approvals and ledger in memory. They are lost when the store is dropped.
#[derive(Debug, Default)]
pub struct MemoryApprovals(Mutex<Records>);

impl MemoryApprovals {
    /// Makes an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn locked<T>(&self, act: impl FnOnce(&mut Records) -> T) -> T {
        act(&mut self.0.lock())
    }
}

#[async_trait]
impl ApprovalStore for MemoryApprovals {
    async fn revision(&self) -> Result<u64, StoreError> {
        Ok(self.locked(|records| records.revision))
    }

    async fn known(&self, subjects: &[Subject]) -> Result<Vec<Known>, StoreError> {
        Ok(self.locked(|records| subjects.iter().map(|subject| records.known(subject)).collect()))
    }

    async fn approved_names(&self) -> Result<Vec<(ServerIdentity, String)>, StoreError> {
        Ok(self.locked(|records| records.approved_names()))
    }

    async fn record(&self, sightings: &[Sighting]) -> Result<(), StoreError> {
        self.locked(|records| sightings.iter().for_each(|sighting| records.record(sighting)));
        Ok(())
    }

    async fn approve(
        &self,
        approval: ApprovalRecord,
        ledger: Option<LedgerEntry>,
        expected: Option<Digest>,
    ) -> Result<(), StoreError> {
        self.locked(|records| records.approve(approval, ledger, expected))
    }

    async fn forget(&self, server: &ServerIdentity, id: &str) -> Result<bool, StoreError> {
        Ok(self.locked(|records| records.forget(server, id)))
    }
}

type GlobalKey = (String, String, Version);

#[derive(Debug, Default)]
struct Records {
    revision: u64,
    servers: HashMap<ServerIdentity, OneServer>,
    /// The servers whose ledgers hold an entry that counts on every server, in the order of the
    /// entries.
    global: HashMap<GlobalKey, Vec<ServerIdentity>>,
    /// The places of approvals, by the confusable key of the served name or the id.
    look_alikes: HashMap<String, Vec<(ServerIdentity, String)>>,
}

#[derive(Debug, Default)]
struct OneServer {
    pins: HashMap<String, Pin>,
    approvals: HashMap<String, Vec<ApprovalRecord>>,
    ids_by_name: HashMap<String, Vec<String>>,
    ledger: HashMap<(String, Version), LedgerEntry>,
    /// The ids whose pin holds a key that a person supplied.
    keyed: BTreeSet<String>,
    unproven_pins: Share<String>,
    unproven_entries: Share<(String, Version)>,
}

impl Records {
    fn known(&self, subject: &Subject) -> Known {
        let mut known = self
            .servers
            .get(&subject.server)
            .map(|server| server.known(subject))
            .unwrap_or_default();
        if let (Some(provider), Some(version)) = (&subject.provider, &subject.version) {
            let key = (provider.clone(), subject.id.clone(), version.clone());
            let mut servers = self.global.get(&key).into_iter().flatten();
            let elsewhere = servers.find(|server| **server != subject.server);
            let ledger = elsewhere.and_then(|server| self.servers.get(server)).map(|s| &s.ledger);
            known.ledger.extend(ledger.and_then(|l| l.get(&(key.1, key.2))).cloned());
        }
        let keys = std::iter::once(&subject.name_key).chain(&subject.id_key);
        for (server, id) in keys.filter_map(|key| self.look_alikes.get(key)).flatten() {
            if *server == subject.server {
                continue;
            }
            let approvals = self.servers.get(server).and_then(|s| s.approvals.get(id));
            for approval in approvals.into_iter().flatten().filter(|a| !a.superseded) {
                if subject.looks_like(&approval.pin) && !known.elsewhere.contains(approval) {
                    known.elsewhere.push(approval.clone());
                }
            }
        }
        known
    }

    fn approved_names(&self) -> Vec<(ServerIdentity, String)> {
        let servers = self.servers.iter();
        let approvals = servers.flat_map(|(server, records)| {
            records.approvals.values().flatten().map(move |approval| (server, approval))
        });
        let names = approvals
            .filter(|(_, approval)| !approval.superseded && !approval.pin.served_name.is_empty())
            .map(|(server, approval)| (server.clone(), approval.pin.served_name.clone()));
        names.collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn record(&mut self, sighting: &Sighting) {
        let server = self.servers.entry(sighting.pin.server.clone()).or_default();
        if let Some(context) = &sighting.refreshes {
            let approvals = server.approvals.get_mut(&sighting.pin.id);
            for approval in approvals.into_iter().flatten().filter(|approval| {
                !approval.superseded
                    && approval.context == *context
                    && approval.pin.digest == sighting.pin.digest
            }) {
                approval.evidence_good_at = approval.evidence_good_at.max(sighting.pin.at);
            }
        }
        if !server.pins.contains_key(&sighting.pin.id) {
            self.revision += 1;
            server.add_pin(sighting.pin.clone());
        }
        if let Some(entry) = &sighting.ledger {
            self.add_entry(entry);
        }
    }

    fn add_entry(&mut self, entry: &LedgerEntry) {
        let server = self.servers.entry(entry.server.clone()).or_default();
        if !server.add_entry(entry) {
            return;
        }
        self.revision += 1;
        if entry.global {
            let key = (entry.provider.clone(), entry.id.clone(), entry.version.clone());
            self.global.entry(key).or_default().push(entry.server.clone());
        }
    }

    fn approve(
        &mut self,
        approval: ApprovalRecord,
        ledger: Option<LedgerEntry>,
        expected: Option<Digest>,
    ) -> Result<(), StoreError> {
        let pin = &approval.pin;
        let server = self.servers.entry(pin.server.clone()).or_default();
        let approved = server.approvals.get(&pin.id).into_iter().flatten();
        let approved = approved
            .filter(|a| !a.superseded && a.context == approval.context)
            .map(|a| a.pin.digest)
            .next();
        if approved != expected {
            return Err(StoreError::Conflict { approved });
        }
        self.revision += 1;
        if pin.provider.is_some() {
            server.supersede_unsigned(&approval);
        }
        server.pins.remove(&pin.id);
        server.add_pin(pin.clone());
        let approvals = server.approvals.entry(pin.id.clone()).or_default();
        approvals.retain(|a| a.context != approval.context || a.pin.digest != pin.digest);
        for earlier in approvals.iter_mut().filter(|a| a.context == approval.context) {
            earlier.superseded = true;
        }
        let place = (pin.server.clone(), pin.id.clone());
        let id = pin.provider.is_some().then(|| id_key(&pin.id));
        for key in id.into_iter().chain([name_key(&pin.served_name)]) {
            let places = self.look_alikes.entry(key).or_default();
            if !places.contains(&place) {
                places.push(place.clone());
            }
        }
        approvals.push(approval);
        if let Some(entry) = ledger {
            self.add_entry(&entry);
        }
        Ok(())
    }

    fn forget(&mut self, server: &ServerIdentity, id: &str) -> bool {
        let Some(records) = self.servers.get_mut(server) else { return false };
        self.revision += 1;
        if records.is_of_the_server(id) {
            return false;
        }
        let any = records.forget(id);
        self.global.retain(|(_, known, _), servers| {
            servers.retain(|at| at != server || known != id);
            !servers.is_empty()
        });
        self.look_alikes.values_mut().for_each(|places| {
            places.retain(|(at, known)| at != server || known != id);
        });
        any
    }
}

impl OneServer {
    fn known(&self, subject: &Subject) -> Known {
        let mut ids = self.ids_by_name.get(&subject.served_name).cloned().unwrap_or_default();
        if !ids.contains(&subject.id) {
            ids.push(subject.id.clone());
        }
        let entry = subject
            .version
            .clone()
            .and_then(|version| self.ledger.get(&(subject.id.clone(), version)).cloned());
        let approvals = ids.iter().filter_map(|id| self.approvals.get(id));
        let keyed = self.keyed.iter();
        let mut known = Known::default();
        known.pins = ids.iter().filter_map(|id| self.pins.get(id).cloned()).collect();
        known.approvals = approvals.flatten().cloned().collect();
        known.ledger = entry.into_iter().collect();
        known.pinned_keys = keyed.filter_map(|id| PinnedKey::of(self.pins.get(id)?)).collect();
        known
    }

    fn add_pin(&mut self, pin: Pin) {
        let ids = self.ids_by_name.entry(pin.served_name.clone()).or_default();
        if !ids.contains(&pin.id) {
            ids.push(pin.id.clone());
        }
        // A record of the server as a whole has no served name. It is not counted, so tools cannot
        // push it out.
        if !pin.served_name.is_empty() {
            self.unproven_pins.push(pin.id.clone(), pin.definition.len());
        }
        if PinnedKey::of(&pin).is_some() {
            self.keyed.insert(pin.id.clone());
        }
        self.pins.insert(pin.id.clone(), pin);
        while let Some(oldest) = self.unproven_pins.surplus() {
            if !self.approvals.contains_key(&oldest) {
                let Some(pin) = self.pins.remove(&oldest) else { continue };
                self.keyed.remove(&oldest);
                if let Some(ids) = self.ids_by_name.get_mut(&pin.served_name) {
                    ids.retain(|id| *id != oldest);
                }
                if self.ids_by_name.get(&pin.served_name).is_some_and(Vec::is_empty) {
                    self.ids_by_name.remove(&pin.served_name);
                }
            }
        }
    }

    /// Adds a ledger entry. Returns whether anything changed.
    fn add_entry(&mut self, entry: &LedgerEntry) -> bool {
        let key = (entry.id.clone(), entry.version.clone());
        if let Some(known) = self.ledger.get_mut(&key) {
            let becomes_global = entry.global && !known.global && known.digest == entry.digest;
            known.global |= becomes_global;
            return becomes_global;
        }
        self.ledger.insert(key.clone(), entry.clone());
        if entry.global {
            return true;
        }
        self.unproven_entries.push(key, entry.definition.len());
        while let Some(oldest) = self.unproven_entries.surplus() {
            if self.ledger.get(&oldest).is_some_and(|entry| !entry.global) {
                self.ledger.remove(&oldest);
            }
        }
        true
    }

    /// Supersedes the approval of an unsigned tool when a signed tool of the same name is approved.
    fn supersede_unsigned(&mut self, approval: &ApprovalRecord) {
        let ids = self.ids_by_name.get(&approval.pin.served_name).cloned().unwrap_or_default();
        for id in ids {
            for earlier in self.approvals.get_mut(&id).into_iter().flatten() {
                if earlier.pin.provider.is_none() && earlier.context == approval.context {
                    earlier.superseded = true;
                }
            }
        }
    }

    fn is_of_the_server(&self, id: &str) -> bool {
        self.pins.get(id).is_some_and(|pin| pin.served_name.is_empty())
    }

    fn forget(&mut self, id: &str) -> bool {
        let pin = self.pins.remove(id).is_some();
        let approvals = self.approvals.remove(id).is_some();
        let before = self.ledger.len();
        self.ledger.retain(|(known, _), _| known != id);
        self.ids_by_name.values_mut().for_each(|ids| ids.retain(|known| known != id));
        self.keyed.remove(id);
        self.unproven_pins.remove(|known| known == id);
        self.unproven_entries.remove(|(known, _)| known == id);
        pin || approvals || before != self.ledger.len()
    }
}
