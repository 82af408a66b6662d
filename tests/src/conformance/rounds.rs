//! Questions to the client in rounds, which replace requests from the server in MCP 2026-07-28.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use rmcp::ErrorData;
use rmcp::model::{
    ClientCapabilities, ElicitResult, InputRequest, InputRequests, InputRequiredResult,
    InputResponses,
};
use serde_json::Value;

use super::fixtures::Rounds;

/// The states that were sent to clients, each with its round. Any other state is refused.
#[derive(Debug, Default)]
pub struct States(Mutex<BTreeMap<String, usize>>);

/// The result of a round.
#[derive(Debug)]
pub enum Round {
    /// There are further questions.
    Ask(InputRequiredResult),
    /// All questions are answered.
    Done {
        /// The answers.
        responses: InputResponses,
        /// Whether there was a state, which came back unchanged.
        state: bool,
    },
}

impl States {
    /// Judges one request of several rounds.
    ///
    /// # Errors
    /// Invalid parameters, for an unknown state or an answer of the wrong shape.
    pub fn round(
        &self,
        rounds: &Rounds,
        client: Option<&ClientCapabilities>,
        responses: Option<InputResponses>,
        state: Option<&str>,
    ) -> Result<Round, ErrorData> {
        let number = match state {
            Some(state) => self.number(state)?,
            None => 0,
        };
        let asked: InputRequests = rounds.inputs[number]
            .iter()
            .filter(|(_, request)| client.is_none_or(|client| answers(client, request)))
            .map(|(key, request)| (key.clone(), request.clone()))
            .collect();
        let responses = responses.unwrap_or_default();
        if !asked.keys().all(|key| responses.contains_key(key)) {
            return Ok(Round::Ask(self.ask(asked, rounds.state.then_some(number))));
        }
        for (key, request) in &asked {
            check(key, request, &responses[key])?;
        }
        match rounds.inputs.get(number + 1) {
            Some(next) => Ok(Round::Ask(self.ask(next.clone(), Some(number + 1)))),
            None => Ok(Round::Done { responses, state: state.is_some() }),
        }
    }

    fn ask(&self, requests: InputRequests, number: Option<usize>) -> InputRequiredResult {
        let state = number.map(|number| {
            let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let state = format!("round-{number}-state-{}", given.len());
            given.insert(state.clone(), number);
            state
        });
        InputRequiredResult::new(Some(requests), state)
    }

    fn number(&self, state: &str) -> Result<usize, ErrorData> {
        let given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = given.get(state).copied();
        number.ok_or_else(|| ErrorData::invalid_params("this state was not given out", None))
    }
}

fn answers(client: &ClientCapabilities, request: &InputRequest) -> bool {
    match request {
        InputRequest::CreateMessage(_) => client.sampling.is_some(),
        InputRequest::Elicitation(_) => client.elicitation.is_some(),
        InputRequest::ListRoots(_) => client.roots.is_some(),
        _ => false,
    }
}

fn check(key: &str, request: &InputRequest, response: &Value) -> Result<(), ErrorData> {
    let fits = match request {
        InputRequest::Elicitation(_) => {
            serde_json::from_value::<ElicitResult>(response.clone()).is_ok()
        }
        _ => response.is_object(),
    };
    if fits {
        return Ok(());
    }
    Err(ErrorData::invalid_params(format!("the answer to {key} has another shape"), None))
}
