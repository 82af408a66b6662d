//! The comparison of a definition with the earlier records and approvals.

use super::{Case, approval};
use crate::definition::canonical_member;
use crate::diff::Diff;
use crate::records::{ApprovalRecord, EvidenceRecord, LedgerEntry, Pin, Subject};
use crate::verdict::{ImpostorReason, KeyTrust, Notice, Origin, UnknownReason, What, Who};

/// Returns all answers that apply, in the order of [`What`], and the notices.
pub(super) fn what(case: &Case<'_>, who: &Who) -> (Vec<What>, Vec<Notice>) {
    let history = History::new(case);
    let mut notices = Vec::new();
    let evidence_lost = history.evidence_lost(who);
    let approved = history.is_approved(who) && evidence_lost.is_none();

    let mut what = Vec::new();
    what.extend(history.tampered(who));
    what.extend(history.replaced());
    what.extend(history.equivocated(approved, &mut notices));
    what.extend(history.rolled_back());
    what.extend(evidence_lost);
    what.extend(history.changed());
    what.extend(history.upgraded());
    what.extend(history.renamed());
    what.extend(history.shadowed(approved, &mut notices));
    what.extend(history.expired());
    let changes_an_approved_one = what.iter().any(|w| {
        matches!(w, What::Upgraded { .. } | What::RolledBack { .. } | What::ApprovalExpired { .. })
    });
    if history.current.is_none() && !changes_an_approved_one {
        what.push(What::New);
    }
    let contradicted = what.iter().any(|w| !matches!(w, What::Shadowed { .. } | What::New));
    if approved && !contradicted {
        what.push(What::Approved);
    }
    if what.is_empty() {
        // The approval does not fit and no other answer explains why: ask again.
        what.push(What::New);
    }
    (what, notices)
}

struct History<'c, 'a> {
    case: &'c Case<'a>,
    subject: Subject,
    /// The approval of this id that counts in this context.
    current: Option<&'a ApprovalRecord>,
}

impl<'c, 'a> History<'c, 'a> {
    fn new(case: &'c Case<'a>) -> Self {
        let subject = Subject::new(case.server, case.definition);
        Self { case, subject, current: approval(case) }
    }

    /// Returns the approvals of this id, in every context, without superseded ones.
    fn active(&self) -> impl Iterator<Item = &'a ApprovalRecord> {
        self.case.known.approvals.iter().filter(|a| !a.superseded && a.pin.id == self.subject.id)
    }

    fn diff_from(&self, pin: &Pin) -> Diff {
        Diff::between(&pin.definition, self.case.definition.canonical())
    }

    fn is_signed(&self) -> bool {
        self.case.definition.signed().is_some()
    }

    fn is_approved(&self, who: &Who) -> bool {
        let Some(approval) = self.current else {
            return false;
        };
        approval.pin.digest == self.case.definition.digest()
            && approval.pin.served_name == self.subject.served_name
            && approval.until.is_none_or(|until| self.case.now < until)
            // An approval with better evidence does not cover worse evidence. `Expired` and
            // `Unknown` have no evidence to compare; the decision table bounds them by the offline
            // grace.
            && EvidenceRecord::of(who, None)
                .is_none_or(|now| now.rank() >= approval.pin.evidence.rank())
    }

    fn tampered(&self, who: &Who) -> Option<What> {
        let version = self.subject.version.as_ref()?;
        let in_ledger = self.ledger(|entry| entry.server == self.subject.server);
        // The ledger drops old entries of unproven definitions. The pins and all approvals,
        // including superseded ones, may still hold such a definition.
        let on_record = || {
            let known = self.case.known;
            let approved = known.approvals.iter().map(|a| &a.pin);
            known.pins.iter().chain(approved).find(|pin| {
                pin.id == self.subject.id
                    && pin.version.as_ref() == Some(version)
                    && pin.digest != self.case.definition.digest()
            })
        };
        let first = match in_ledger {
            Some(entry) => &entry.definition,
            None => &on_record()?.definition,
        };
        Some(What::Tampered {
            signer_valid: who.is_proven(),
            diff: Diff::between(first, self.case.definition.canonical()),
        })
    }

    /// Returns a ledger entry of this id and version with another digest.
    fn ledger(&self, at: impl Fn(&LedgerEntry) -> bool) -> Option<&'a LedgerEntry> {
        self.case.known.ledger.iter().find(|entry| {
            self.subject.is_same_version(entry)
                && entry.digest != self.case.definition.digest()
                && at(entry)
        })
    }

    fn replaced(&self) -> Option<What> {
        let earlier = self.records().find(|pin| {
            pin.served_name == self.subject.served_name
                && pin.id != self.subject.id
                && pin.provider.is_some()
        })?;
        self.is_signed().then(|| What::Replaced { id: earlier.id.clone() })
    }

    /// Returns every current record of this tool: pins, and approvals without superseded ones.
    fn records(&self) -> impl Iterator<Item = &'a Pin> {
        let known = self.case.known;
        let approved = known.approvals.iter().filter(|a| !a.superseded).map(|a| &a.pin);
        known.pins.iter().chain(approved)
    }

    fn equivocated(&self, approved: bool, notices: &mut Vec<Notice>) -> Option<What> {
        let first = self.ledger(|entry| entry.global && entry.server != self.subject.server)?;
        if approved {
            notices.push(Notice::ConflictElsewhere { server: first.server.clone() });
            return None;
        }
        Some(What::Equivocated { first_seen: first.server.clone() })
    }

    fn rolled_back(&self) -> Option<What> {
        let digest = self.case.definition.digest();
        if self.current.is_some_and(|current| current.pin.digest == digest) {
            return None;
        }
        let lower = self.active().find(|a| self.subject.version < a.pin.version);
        let superseded = self
            .case
            .known
            .approvals
            .iter()
            .any(|a| a.superseded && a.pin.id == self.subject.id && a.pin.digest == digest);
        let approved = match lower {
            Some(approval) => approval,
            None if superseded => self.active().next()?,
            None => return None,
        };
        Some(What::RolledBack {
            approved: approved
                .pin
                .version
                .clone()
                .filter(|v| self.subject.version.as_ref() < Some(v)),
            diff: self.diff_from(&approved.pin),
        })
    }

    fn evidence_lost(&self, who: &Who) -> Option<What> {
        self.records()
            .find(|pin| is_weaker(self.subject.provider.as_deref(), who, pin))
            .map(|pin| What::EvidenceLost { was: pin.evidence.describe() })
    }

    fn changed(&self) -> Option<What> {
        if self.is_signed() {
            return None;
        }
        let digest = self.case.definition.digest();
        let before = match self.current {
            Some(approval) => &approval.pin,
            None => self.case.known.pins.iter().find(|pin| pin.id == self.subject.id)?,
        };
        (before.digest != digest).then(|| What::Changed { diff: self.diff_from(before) })
    }

    fn upgraded(&self) -> Option<What> {
        if !self.is_signed() {
            return None;
        }
        let lower = self.current.filter(|a| a.pin.version < self.subject.version);
        let unsigned = || {
            self.case.known.approvals.iter().find(|a| {
                !a.superseded
                    && a.pin.provider.is_none()
                    && a.pin.served_name == self.subject.served_name
                    && a.context == *self.case.context
            })
        };
        let from = match (lower, self.current) {
            (Some(approval), _) => approval,
            (None, Some(_)) => return None,
            (None, None) => unsigned()?,
        };
        Some(What::Upgraded { from: from.pin.version.clone(), diff: self.diff_from(&from.pin) })
    }

    fn renamed(&self) -> Option<What> {
        let part = self.case.definition.signed()?;
        let served = &self.subject.served_name;
        let expected = match self.current {
            Some(approval) => &approval.pin.served_name,
            None => &part.name,
        };
        (expected != served)
            .then(|| What::Renamed { signed: part.name.clone(), served: served.clone() })
    }

    fn shadowed(&self, approved: bool, notices: &mut Vec<Notice>) -> Option<What> {
        for other in &self.case.known.elsewhere {
            if !self.subject.looks_like(&other.pin) || self.is_same_publication(&other.pin) {
                continue;
            }
            if self.shadows(&other.pin) {
                if approved {
                    notices.push(Notice::LookAlike { server: other.pin.server.clone() });
                    continue;
                }
                return Some(What::Shadowed {
                    by: other.pin.server.clone(),
                    id: other.pin.id.clone(),
                });
            }
            let notice = Notice::SameName { server: other.pin.server.clone() };
            if !notices.contains(&notice) {
                notices.push(notice);
            }
        }
        None
    }

    /// Returns whether the pin holds the same digest of the same provider, on a server that the
    /// definition lists.
    fn is_same_publication(&self, other: &Pin) -> bool {
        super::origin(self.case) == Origin::Listed
            && self.subject.provider.is_some()
            && self.subject.provider == other.provider
            && self.case.definition.digest() == other.digest
    }

    fn shadows(&self, other: &Pin) -> bool {
        if self.subject.has_id_like(other) || self.subject.served_name != other.served_name {
            return true;
        }
        let same = |member| {
            let theirs = canonical_member(&other.definition, member);
            theirs.is_some() && theirs == self.case.definition.member(member)
        };
        !self.is_signed()
            && other.provider.is_some()
            && (same("description") || same("inputSchema"))
    }

    fn expired(&self) -> Option<What> {
        let until = self.current?.until?;
        let same = self.current?.pin.digest == self.case.definition.digest();
        (same && until <= self.case.now).then_some(What::ApprovalExpired { since: until })
    }
}

/// Returns whether the evidence now is weaker than the evidence of `pin`, or different.
fn is_weaker(provider: Option<&str>, who: &Who, pin: &Pin) -> bool {
    if pin.provider.is_some() && pin.provider.as_deref() != provider {
        return true;
    }
    if matches!(who, Who::Impostor { why: ImpostorReason::NoEvidence }) {
        return pin.evidence != EvidenceRecord::None;
    }
    let Some(now) = EvidenceRecord::of(who, None) else {
        // A key that is not configured differs from the key that was trusted before. If the check
        // got no answer, the evidence is neither good nor bad.
        let untrusted = matches!(who, Who::Unknown { why: UnknownReason::UntrustedKey { .. } });
        return untrusted && pin.evidence.is_proven();
    };
    if now.rank() < pin.evidence.rank() {
        return true;
    }
    match (&pin.evidence, &now) {
        (
            EvidenceRecord::Attested { issuer, client, .. },
            EvidenceRecord::Attested { issuer: issuer_now, client: client_now, .. },
        ) => issuer != issuer_now || client != client_now,
        (
            EvidenceRecord::Signed { thumbprint, trust: KeyTrust::Pinned, .. },
            EvidenceRecord::Signed { thumbprint: thumbprint_now, trust: KeyTrust::Pinned, .. },
        ) => thumbprint != thumbprint_now,
        _ => false,
    }
}
