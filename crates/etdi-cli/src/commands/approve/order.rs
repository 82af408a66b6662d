//! The order of the command line: the tools to approve, and how.

use etdi::{Approval, Digest, Jwk, Scope};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use super::ApproveArgs;
use crate::context::Context;
use crate::exit::CliError;
use crate::files;
use crate::files::public_key;

pub(super) struct ApprovalOrder {
    pub(super) tools: Vec<String>,
    pub(super) all: bool,
    pub(super) instructions: bool,
    /// The digests that the person has looked at. With digests, the command does not ask.
    pub(super) yes: Vec<Digest>,
    pub(super) approval: Approval,
    pub(super) by: String,
    /// The permissions that the command line gives.
    pub(super) granted: Vec<Scope>,
    /// The end of the approval that the command line gives.
    pub(super) until: Option<OffsetDateTime>,
    pub(super) overriding: bool,
    pub(super) key: Option<Jwk>,
}

impl ApproveArgs {
    pub(super) fn order(&self, context: &Context) -> Result<ApprovalOrder, CliError> {
        let tools = self.target.tools().to_vec();
        let instructions = self.target.instructions;
        let refuse = |what: &str, next: &str| Err(CliError::new(what).next(next));
        if tools.is_empty() && !self.all && !instructions {
            return refuse(
                "cannot approve: the command line does not name both tools and their server",
                "name the tools before the server, or give --all or --instructions with the server",
            );
        }
        if self.all && !tools.is_empty() {
            return refuse(
                "cannot use --all: the command line names tools as well",
                "leave out --all, or leave out the names of the tools",
            );
        }
        if self.r#override && (tools.len() != 1 || instructions) {
            return refuse(
                "cannot use --override: it is for exactly one tool, without --instructions",
                "name one tool and its server",
            );
        }
        if instructions && (self.until.is_some() || !self.grant.is_empty()) {
            return refuse(
                "cannot approve the instructions: --until and --grant are for tools only",
                "approve the instructions in a command of their own, without --until and --grant",
            );
        }
        if !self.grant.is_empty() && tools.len() != 1 {
            return refuse(
                "cannot use --grant: it is for exactly one tool",
                "name one tool and its server",
            );
        }
        let by = self.by.clone().or_else(|| context.environment.get("USER"));
        let by = by.ok_or_else(|| {
            CliError::new("cannot approve: no name is given").next("give --by NAME")
        })?;
        let mut approval = Approval::by(by.clone());
        if !self.grant.is_empty() {
            approval = approval.granting(self.grant.iter().cloned());
        }
        let until = self.until.as_ref().map(|text| end(text, context.clock.now())).transpose()?;
        if let Some(end) = until {
            approval = approval.until(end);
        }
        let granted = self.grant.clone();
        let overriding = self.r#override;
        let (all, yes, key) = (self.all, self.yes.clone(), self.key()?);
        Ok(ApprovalOrder {
            tools,
            all,
            instructions,
            yes,
            approval,
            by,
            granted,
            until,
            overriding,
            key,
        })
    }

    fn key(&self) -> Result<Option<Jwk>, CliError> {
        let Some(path) = &self.key else { return Ok(None) };
        let mut keys =
            public_key::read(&files::read(path)?).map_err(|error| error.at(path.display()))?;
        match (keys.pop(), keys.is_empty()) {
            (Some(key), true) => Ok(Some(key)),
            _ => Err(CliError::new("cannot use --key: the file must have exactly one key")
                .at(path.display())
                .next("make a file with only the key that signed the tool")),
        }
    }
}

fn end(text: &str, now: OffsetDateTime) -> Result<OffsetDateTime, CliError> {
    let date = || Date::parse(text, format_description!("[year]-[month]-[day]"));
    OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| date().map(|date| date.midnight().assume_utc()))
        .ok()
        .filter(|end| *end > now)
        .ok_or_else(|| {
            CliError::new("cannot use --until: the value must be a date or a time in the future")
                .at(text)
                .next("write a date, 2099-12-31, or a time, 2099-12-31T10:00:00Z")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_in_the_future() {
        let now = OffsetDateTime::from_unix_timestamp(86_400).unwrap();
        assert_eq!(end("1970-01-03", now).unwrap().unix_timestamp(), 172_800);
        assert_eq!(end("1970-01-02T00:00:01Z", now).unwrap().unix_timestamp(), 86_401);
        for bad in ["", "1970-01-02", "1970-01-01T00:00:00Z", "tomorrow"] {
            assert!(end(bad, now).is_err(), "{bad}");
        }
    }
}
