//! Asking a person: one question for tools that belong together, and one for each critical tool.

use std::collections::BTreeMap;

use etdi::client::{ExecutableState, RelaunchRequest};
use etdi::text::escaped;
use etdi::{ApprovalRequest, Decision};

use super::approving::{Approving, READING, undecided, unseen};
use super::outcome::declined;
use crate::exit::CliError;
use crate::show::hints::NOTE;
use crate::show::instructions::{self, Given};
use crate::show::tool::Question;
use crate::terminal::line::Line;

impl Approving<'_> {
    /// Asks about everything that the order names on this server.
    pub(super) async fn ask(&mut self) -> Result<(), CliError> {
        let requests = self.waiting().await?;
        if !requests.is_empty() && self.nobody_sees() {
            self.none_seen(&requests);
        } else if let Some(relaunch) = self.relaunch(&requests).await? {
            self.same_tools(relaunch).await?;
        } else {
            self.in_groups(requests).await?;
        }
        if self.order.all || self.order.instructions {
            self.of_instructions().await?;
        }
        self.program().await
    }

    /// Returns the tools of the order that wait for a person, and reports the others.
    async fn waiting(&mut self) -> Result<Vec<ApprovalRequest>, CliError> {
        let mut requests = Vec::new();
        for tool in self.selected()? {
            match self.session.connection.decide(tool).await.map_err(undecided)? {
                Decision::Ask(request) => requests.push(request),
                Decision::Allow(_) if self.order.all => {}
                Decision::Allow(_) => self.already(tool).await?,
                Decision::Block(refusal) => {
                    self.outcome.refused(tool, self.context);
                    if !self.order.all {
                        self.outcome.failed(self.is_refused(&refusal), self.context);
                    }
                }
            }
        }
        Ok(requests)
    }

    fn none_seen(&mut self, requests: &[ApprovalRequest]) {
        for request in requests {
            self.outcome.waits(request.tool().name(), request.digest());
        }
        let next = match requests.first() {
            Some(request) => self.session.command_on("show", request.tool(), ""),
            None => self.session.command("discover", ""),
        };
        self.outcome.failed(unseen().next(next), self.context);
    }

    /// Returns the request for a stdio server if only its command changed. One question then covers all
    /// its tools.
    async fn relaunch(
        &self,
        requests: &[ApprovalRequest],
    ) -> Result<Option<RelaunchRequest>, CliError> {
        if !self.order.all || requests.is_empty() {
            return Ok(None);
        }
        self.session.connection.relaunch().await.map_err(undecided)
    }

    async fn same_tools(&mut self, request: RelaunchRequest) -> Result<(), CliError> {
        let out = &self.context.out;
        let names: Vec<_> = request.tools().map(|tool| tool.name().to_owned()).collect();
        let heading = Line::new().bold("Same tools, new launch");
        out.indented(
            heading.text(": each tool is approved already, as it is now, for another command"),
            4,
        );
        let mut fields = vec![("before", Line::new().theirs(&request.earlier().to_string()))];
        for (_, name) in self.session.names_of([request.earlier()]) {
            fields.push(("command", Line::new().theirs(&name)));
        }
        fields.push(("now", Line::new().theirs(&self.session.server().to_string())));
        if let Some(label) = self.session.label() {
            fields.push(("command", Line::new().theirs(label)));
        }
        out.fields(fields);
        let columns = ["tool", "digest", "permissions", "until"];
        let has_terms = request.requests().iter().any(|one| {
            one.terms().is_some_and(|terms| !terms.granted.is_empty() || terms.until.is_some())
        });
        let columns = if has_terms { &columns[..] } else { &columns[..2] };
        out.table(columns, request.requests().iter().map(|one| self.kept(one, columns.len())));
        let question = format!("Approve {} as before, for this command?", count(names.len()));
        if !self.confirmed(&question)? {
            return self.refuse(&names);
        }
        let shown: Vec<_> = request
            .requests()
            .iter()
            .map(|request| (request.tool().name().to_owned(), request.digest()))
            .collect();
        let done = {
            let _progress = self.context.out.progress(READING);
            self.session.connection.approve_relaunch(request, &self.order.approval).await
        };
        self.stored(shown, done)
    }

    /// Returns the row of a tool that would be approved as before: with its permissions and its end, if
    /// `columns` leaves room for them.
    fn kept(&self, request: &ApprovalRequest, columns: usize) -> Vec<String> {
        let digest = request.digest().map(|digest| digest.to_string()).unwrap_or_default();
        let granted = request.terms().map(|terms| &terms.granted).into_iter().flatten();
        let granted: Vec<_> = granted.map(|scope| scope.as_str()).collect();
        let until = self.order.until.or(request.terms().and_then(|terms| terms.until));
        let until = until.map(|end| end.to_string()).unwrap_or_default();
        let mut row = vec![
            escaped(request.tool().name()).to_string(),
            digest,
            escaped(&granted.join(" ")).to_string(),
            until,
        ];
        row.truncate(columns);
        row
    }

    async fn in_groups(&mut self, requests: Vec<ApprovalRequest>) -> Result<(), CliError> {
        let (mut together, mut alone) =
            (BTreeMap::<String, Vec<ApprovalRequest>>::new(), Vec::new());
        for request in requests {
            let question = Question::about(request.tool(), self.session).await?;
            if question.stands_alone() {
                alone.push(request);
            } else {
                together.entry(question.provider()).or_default().push(request);
            }
        }
        for (provider, requests) in together {
            if requests.len() == 1 {
                alone.extend(requests);
            } else {
                self.group(&provider, requests).await?;
            }
        }
        for request in alone {
            let name = request.tool().name().to_owned();
            Question::about(request.tool(), self.session).await?.show_all(self.context);
            // The name comes after the question, in quotes: a tool's name could change the question's
            // meaning.
            let shown = escaped(&name).to_string().replace('"', "\\\"");
            let question = format!("Approve this tool as shown? (its name: \"{shown}\")");
            if self.confirmed(&question)? {
                self.store(vec![request]).await?;
            } else {
                self.refuse(&[name])?;
            }
        }
        Ok(())
    }

    /// Asks one question about several tools. Shows each tool in full, and a table of them above the
    /// question.
    async fn group(
        &mut self,
        provider: &str,
        requests: Vec<ApprovalRequest>,
    ) -> Result<(), CliError> {
        let (mut rows, mut names) = (Vec::new(), Vec::new());
        self.context
            .out
            .indented(Line::new().bold(count(requests.len())).text(", ").text(provider), 4);
        for request in &requests {
            let question = Question::about(request.tool(), self.session).await?;
            question.show_among_others(self.context);
            rows.push(question.row());
            names.push(request.tool().name().to_owned());
        }
        self.context.out.blank();
        self.context
            .out
            .indented(Line::new().bold(count(names.len())).text(", ").text(provider), 4);
        self.context.out.table(&["tool", "what", "permissions", "hints", "findings"], rows);
        self.context.out.indented(Line::new().dim(NOTE), 7);
        let question = format!("Approve these {} as shown?", count(names.len()));
        if !self.confirmed(&question)? {
            return self.refuse(&names);
        }
        self.store(requests).await
    }

    async fn of_instructions(&mut self) -> Result<(), CliError> {
        let Some(given) = Given::by(self.session).await? else {
            if self.order.instructions {
                return Err(instructions::none());
            }
            return Ok(());
        };
        let Some(request) = given.request() else {
            if self.order.instructions {
                self.outcome.instructions_already(given.digest(), self.context);
            }
            return Ok(());
        };
        if self.order.until.is_some() {
            self.endless(&given);
            return Ok(());
        }
        if self.nobody_sees() {
            self.outcome.instructions_wait(Some(given.digest()));
            let show = self.session.command("show", "--instructions");
            self.outcome.failed(unseen().next(show), self.context);
            return Ok(());
        }
        given.show_change(self.context);
        if !self.confirmed("Approve these instructions as shown?")? {
            self.outcome.instructions_wait(Some(given.digest()));
            self.outcome.failed(declined(self.outcome, &[instructions::NAME]), self.context);
            return Ok(());
        }
        self.store_instructions(request, given.digest()).await
    }

    /// Shows that another program is behind the same command. Stores the person's confirmation.
    async fn program(&self) -> Result<(), CliError> {
        let ExecutableState::Changed { was, now } = &self.session.executable else { return Ok(()) };
        if self.nobody_sees() {
            return Ok(());
        }
        self.context.out.line(Line::new().bold("Another program is behind this command"));
        let now = Line::from(now.to_string());
        self.context.out.fields([("was", Line::from(was.as_str())), ("now", now)]);
        if self.confirmed("Is this change of the program intended?")? {
            let done = self.session.connection.acknowledge_executable(self.order.by.clone()).await;
            done.map_err(|error| CliError::new(error).cannot("store the answer"))?;
        }
        Ok(())
    }
}

fn count(tools: usize) -> String {
    if tools == 1 { "1 tool".to_owned() } else { format!("{tools} tools") }
}
