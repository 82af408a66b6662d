//! A clock that the demo can move while a server runs.

use etdi::{Clock, SystemClock};
use time::{Duration, OffsetDateTime};

use crate::state::State;

/// The system's clock, moved ahead by the seconds in the control channel.
#[derive(Clone, Debug)]
pub(crate) struct ShiftedClock(State);

impl ShiftedClock {
    pub(crate) fn of(state: &State) -> Self {
        Self(state.clone())
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> OffsetDateTime {
        SystemClock.now().saturating_add(Duration::seconds(self.0.clock_offset()))
    }
}
