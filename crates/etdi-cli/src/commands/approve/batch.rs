//! Approving by digest on all servers of a file. A person looked at a digest on one server, so the same
//! digest on another server is not approved with it.

use std::collections::BTreeMap;

use etdi::Digest;

use super::approving::Approving;
use super::named;
use super::order::ApprovalOrder;
use super::outcome::ApprovalOutcome;
use crate::context::Context;
use crate::exit::{CliError, Exit};
use crate::servers::desk::Desk;
use crate::servers::session::Session;
use crate::servers::target::NamedServer;
use crate::show::instructions::Given;

const NEXT: &str = "add --server NAME, the server on which you looked at the definition";

/// Approves the digests if every server could be asked, and each digest is listed by at most one server.
/// Otherwise approves no tool.
pub(super) async fn by_digest(
    desk: &Desk,
    servers: Vec<NamedServer>,
    order: &ApprovalOrder,
    outcome: &mut ApprovalOutcome,
    context: &Context,
) {
    let mut sessions = Vec::new();
    let mut all_asked = true;
    for server in servers {
        let name = server.name.clone();
        let error = match desk.session(server, context).await {
            Ok(session) => {
                sessions.push((name, session));
                continue;
            }
            Err(error) => error,
        };
        all_asked = false;
        let interrupted = error.exit() == Exit::Interrupted;
        outcome.begin(&name);
        outcome.failed(error, context);
        if interrupted {
            break;
        }
    }
    match copied(&sessions, order).await {
        Ok(()) if all_asked => on_each(&sessions, order, outcome, context).await,
        // The digest may be from the server that could not be asked.
        Ok(()) => {
            let what = "cannot approve by digest: a server of the file could not be asked, and the \
                        digests may be from that server";
            outcome.failed(CliError::new(what).next(NEXT), context);
        }
        Err(error) => {
            for (name, session) in &sessions {
                outcome.begin(name);
                outcome.on(session.server());
            }
            outcome.failed(error, context);
        }
    }
    for (_, session) in sessions {
        session.connection.close().await;
    }
}

async fn on_each(
    sessions: &[(String, Session)],
    order: &ApprovalOrder,
    outcome: &mut ApprovalOutcome,
    context: &Context,
) {
    for (name, session) in sessions {
        outcome.begin(name);
        outcome.on(session.server());
        let mut approving = Approving { session, order, outcome: &mut *outcome, context };
        if let Err(error) = approving.run().await {
            let interrupted = error.exit() == Exit::Interrupted;
            outcome.failed(error, context);
            if interrupted {
                break;
            }
        }
    }
    outcome.unmatched(order, context);
}

/// Fails if more than one server lists one of the digests.
async fn copied(sessions: &[(String, Session)], order: &ApprovalOrder) -> Result<(), CliError> {
    let mut listed = BTreeMap::<Digest, Vec<&(String, Session)>>::new();
    for one in sessions {
        let (_, session) = one;
        let given = Given::by(session).await?.map(|given| given.digest());
        let tools = session.tools.iter().filter_map(named::digest_of);
        for digest in tools.chain(given).filter(|digest| order.yes.contains(digest)) {
            let on = listed.entry(digest).or_default();
            // Count a server with two names once.
            if !on.iter().any(|(_, other)| other.server() == session.server()) {
                on.push(one);
            }
        }
    }
    let Some((digest, on)) = listed.iter().find(|(_, on)| on.len() > 1) else { return Ok(()) };
    let names: Vec<_> =
        on.iter().map(|(name, _)| format!("\"{}\"", etdi::text::escaped(name))).collect();
    let what = format!(
        "cannot approve by digest: several servers list it, {}, and a digest in --yes is for one server",
        names.join(" and ")
    );
    Err(CliError::refused(what).at(digest).next(NEXT))
}
