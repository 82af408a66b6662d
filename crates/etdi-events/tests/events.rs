//! Tests of every event's promises: its name, its JSON form, and the round trip through JSON.

#![cfg(test)]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use etdi_events::contract::{
    HOSTILE_TEXT, SinkViolation, records_of_every_type, sink_keeps_its_contract,
};
use etdi_events::{
    Emitter, Event, EventRecord, EventSink, EventType, JsonLinesSink, SecurityViolation, SinkError,
    ToolRef, ToolRemoved, TracingSink,
};
use uuid::Uuid;

const NAMES: &str = "tool_discovered tool_verified tool_approved tool_invoked tool_updated \
    tool_removed tool_reapproval_requested tool_expired signature_verified signature_failed \
    version_changed permission_changed security_violation auth_success auth_failure token_acquired \
    token_validated token_refreshed token_expired token_revoked call_stack_violation \
    call_depth_exceeded circular_call_detected privilege_escalation_detected client_initialized \
    client_connected client_disconnected provider_registered provider_updated provider_error";

static_assertions::assert_impl_all!(Emitter: Clone, Send, Sync);
static_assertions::assert_impl_all!(etdi_events::Subscription: Send, Sync, Unpin);

#[test]
fn event_names_are_exactly_the_published_list_in_its_order() {
    let names: Vec<&str> = NAMES.split_whitespace().collect();
    let ours: Vec<&str> = EventType::ALL.iter().map(|event| event.as_str()).collect();
    assert_eq!(ours, names);
    for event in EventType::ALL {
        assert_eq!(event.as_str().parse::<EventType>(), Ok(*event));
        assert_eq!(serde_json::to_value(event).unwrap(), event.as_str());
    }
    assert!("tool_discoverd".parse::<EventType>().is_err());
}

#[test]
fn every_event_type_survives_the_round_trip_through_json() {
    let records = records_of_every_type();
    let types: Vec<EventType> = records.iter().map(EventRecord::event_type).collect();
    assert_eq!(types, EventType::ALL);
    for record in records {
        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<EventRecord>(&json).unwrap(), record);
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["type"], record.event_type().as_str());
        assert_eq!(value["time"], "2027-01-15T08:00:00Z");
        assert!(value["data"].is_object());
        assert_eq!(record.id.get_version_num(), 7);
    }
}

#[test]
fn a_time_with_an_offset_reads_as_utc_and_one_that_utc_cannot_hold_is_refused() {
    let json = |time: &str| {
        serde_json::json!({
            "id": Uuid::nil(), "time": time, "correlation_id": null, "source": "s",
            "type": "tool_removed", "data": {"tool": ToolRef::new("server", "id", "name")},
        })
        .to_string()
    };
    let record: EventRecord = serde_json::from_str(&json("2027-01-15T10:00:00+02:00")).unwrap();
    assert_eq!(serde_json::to_value(&record).unwrap()["time"], "2027-01-15T08:00:00Z");
    assert!(serde_json::from_str::<EventRecord>(&json("9999-12-31T23:59:59-02:00")).is_err());
}

#[test]
fn no_event_has_a_member_for_a_secret() {
    fn members(value: &serde_json::Value, found: &mut Vec<String>) {
        if let Some(object) = value.as_object() {
            for (name, value) in object {
                found.push(name.clone());
                members(value, found);
            }
        }
    }
    let mut found = Vec::new();
    for record in records_of_every_type() {
        members(&serde_json::to_value(&record).unwrap(), &mut found);
    }
    for forbidden in ["token", "secret", "password", "assertion", "arguments", "result", "key"] {
        assert!(!found.iter().any(|name| name.contains(forbidden)), "{forbidden}: {found:?}");
    }
}

#[test]
fn the_json_lines_sink_keeps_the_contract_and_hostile_text_stays_on_its_line() {
    let buffer = Shared::default();
    let read = buffer.clone();
    sink_keeps_its_contract(JsonLinesSink::new(io::BufWriter::new(buffer.clone())), || {
        read.text().lines().map(id_of_line).collect()
    })
    .unwrap();
    assert_eq!(buffer.text().lines().count(), 2 * EventType::ALL.len());
}

#[test]
fn the_tracing_sink_keeps_the_contract_and_escapes_hostile_text() {
    let buffer = Shared::default();
    let read = buffer.clone();
    let writer = buffer.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        sink_keeps_its_contract(TracingSink, || {
            read.text()
                .lines()
                .map(|line| {
                    let line: serde_json::Value = serde_json::from_str(line).unwrap();
                    assert_eq!(line["target"], "etdi::events");
                    line["fields"]["id"].as_str().unwrap().parse().unwrap()
                })
                .collect()
        })
        .unwrap();
    });
    let text = buffer.text();
    for hidden in ['\u{1b}', '\0', '\u{202e}', '\u{200b}', '\u{e0041}'] {
        assert!(!text.contains(hidden), "{hidden:?} reached the log");
    }
    assert!(text.contains("u{202e}"));
}

#[test]
fn a_violation_is_logged_as_an_error() {
    let buffer = Shared::default();
    let writer = buffer.clone();
    let subscriber =
        tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
    tracing::subscriber::with_default(subscriber, || {
        for record in records_of_every_type() {
            TracingSink.record(&record).unwrap();
        }
    });
    for line in buffer.text().lines() {
        assert_eq!(line.contains(" ERROR "), line.contains("type=security_violation"), "{line}");
    }
}

#[test]
fn the_contract_finds_sinks_that_lose_repeat_or_refuse_records() {
    #[derive(Clone, Default)]
    struct Faulty {
        kept: Arc<Mutex<Vec<Uuid>>>,
        fault: &'static str,
    }
    impl EventSink for Faulty {
        fn record(&mut self, record: &EventRecord) -> Result<(), SinkError> {
            let odd = record.event_type() == EventType::AuthFailure;
            let mut kept = self.kept.lock().unwrap();
            match self.fault {
                "refuses" if odd => return Err(SinkError::Other("no".into())),
                "loses" if odd => {}
                "repeats" if odd => kept.extend([record.id, record.id]),
                "reorders" => kept.insert(0, record.id),
                _ => kept.push(record.id),
            }
            Ok(())
        }
    }
    for fault in ["loses", "repeats", "reorders"] {
        let sink = Faulty { fault, ..Faulty::default() };
        let kept = Arc::clone(&sink.kept);
        assert!(matches!(
            sink_keeps_its_contract(sink, || kept.lock().unwrap().clone()),
            Err(SinkViolation::Differs { .. })
        ));
    }
    assert!(matches!(
        sink_keeps_its_contract(Faulty { fault: "refuses", ..Faulty::default() }, Vec::new),
        Err(SinkViolation::Refused { event: EventType::AuthFailure, .. })
    ));
    let sound = Faulty::default();
    let kept = Arc::clone(&sound.kept);
    sink_keeps_its_contract(sound, || kept.lock().unwrap().clone()).unwrap();
}

#[test]
fn an_event_knows_its_type_and_whether_it_is_an_alarm() {
    let event = Event::from(SecurityViolation::new("server", "tampered", HOSTILE_TEXT));
    assert_eq!(event.event_type(), EventType::SecurityViolation);
    assert!(event.is_alarm());
    let removed = ToolRemoved::new(ToolRef::new("server", "id", "name"));
    assert!(!Event::from(removed).is_alarm());
}

fn id_of_line(line: &str) -> Uuid {
    let record: EventRecord = serde_json::from_str(line).expect("one record a line");
    record.id
}

/// A writer whose content the test can read while the sink owns a clone of it.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
