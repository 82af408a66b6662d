//! Verdicts in words. Untrusted text is escaped here, so that callers can print a verdict as it is.

use std::fmt::{self, Display, Formatter};

use super::{Binding, DenyReason, KeyTrust, May, Notice, Origin, Verdict, What, Who};
use crate::identity::ServerIdentity;
use crate::text::escaped;

impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.who {
            // An unsigned tool cannot name servers, so its origin is not shown.
            Who::Anonymous => writeln!(f, "who:  {}", self.who)?,
            _ => writeln!(f, "who:  {} ({})", self.who, self.origin)?,
        }
        for what in &self.what {
            writeln!(f, "what: {what}")?;
        }
        write!(f, "may:  {}", self.may)?;
        for notice in &self.notices {
            write!(f, "\nnote: {notice}")?;
        }
        Ok(())
    }
}

impl Display for Who {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attested { issuer, client, binding } => {
                let what = match binding {
                    Binding::Key => "the signing key; it has not seen the definition",
                    Binding::Digest => "this definition",
                };
                write!(
                    f,
                    "attested: {} vouches, for its client {}, for {what}",
                    escaped(issuer),
                    escaped(client)
                )
            }
            Self::Signed { kid, trust: KeyTrust::Configured, .. } => {
                write!(f, "signed with the trusted key {}", escaped(kid))
            }
            Self::Signed { kid, trust: KeyTrust::Pinned, .. } => {
                write!(f, "signed with the key {}, pinned for this server", escaped(kid))
            }
            Self::Identified { by } => write!(f, "identified only: {}", escaped(by)),
            Self::Anonymous => f.write_str("unsigned"),
            Self::Impostor { why } => write!(f, "impostor: {why}"),
            Self::Expired { issuer, since } => {
                write!(f, "expired: the attestation of {} ran out at {since}", escaped(issuer))
            }
            Self::Revoked { what } => write!(f, "revoked: {}", escaped(what)),
            Self::Unknown { why } => write!(f, "unknown: {why}"),
        }
    }
}

impl Display for Origin {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Listed => "the definition names this server",
            Self::Unproven => "origin unproven",
        })
    }
}

impl Display for What {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tampered { signer_valid, diff } => {
                let by = if *signer_valid { "; the publisher signed both" } else { "" };
                write!(f, "tampered: the same version was different before{by}{diff}")
            }
            Self::Replaced { id } => {
                write!(f, "replaced: this name belonged to {} before", escaped(id))
            }
            Self::Equivocated { first_seen } => write!(
                f,
                "equivocated: {} first served another definition of this id and version",
                escaped(&first_seen.to_string())
            ),
            Self::RolledBack { approved: Some(version), diff } => {
                write!(f, "rolled back: version {version} was approved{diff}")
            }
            Self::RolledBack { approved: None, diff } => {
                write!(f, "rolled back: a later approval superseded this definition{diff}")
            }
            Self::EvidenceLost { was } => {
                write!(f, "evidence lost: before, it was {}", escaped(was))
            }
            Self::Changed { diff } => write!(f, "changed{diff}"),
            Self::Upgraded { from: Some(from), diff } => write!(f, "upgraded from {from}{diff}"),
            Self::Upgraded { from: None, diff } => write!(f, "upgraded from unsigned{diff}"),
            Self::Renamed { signed, served } => {
                write!(f, "renamed: \"{}\" is served as \"{}\"", escaped(signed), escaped(served))
            }
            Self::Shadowed { by, id } => {
                write!(f, "shadows {}, approved on {}", escaped(id), escaped(&by.to_string()))
            }
            Self::ApprovalExpired { since } => write!(f, "approval expired at {since}"),
            Self::New => f.write_str("new: not approved"),
            Self::Approved => f.write_str("approved"),
        }
    }
}

impl Display for May {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed => f.write_str("allowed"),
            Self::NotEvaluated => f.write_str("not evaluated: the server judges scopes"),
            Self::Denied { why } => write!(f, "denied: {why}"),
        }
    }
}

impl Display for DenyReason {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingScopes { scopes } => {
                let names: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
                write!(f, "these required permissions were not granted: {}", names.join(" "))
            }
            Self::Policy { reason } => write!(f, "policy: {}", escaped(reason)),
            Self::Rate => f.write_str("too many calls"),
            Self::Proof => f.write_str("the tool needs call proofs, which are not supported yet"),
        }
    }
}

impl Display for Notice {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let server = |server: &ServerIdentity| escaped(&server.to_string()).to_string();
        match self {
            Self::SameName { server: s } => {
                write!(f, "{} has an approved tool of the same name", server(s))
            }
            Self::HiddenCharacters => {
                f.write_str("the definition holds characters that cannot be seen")
            }
            Self::ConflictElsewhere { server: s } => {
                write!(f, "{} serves another definition of this id and version", server(s))
            }
            Self::LookAlike { server: s } => {
                write!(f, "{} has an approved tool that looks like this one", server(s))
            }
        }
    }
}
