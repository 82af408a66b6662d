//! Tests of the emitter's promises: order, isolation, bounds, and counts.

#![cfg(test)]

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use etdi_events::{
    AuthFailure, AuthSuccess, ClientConnected, ClientDisconnected, CorrelationId, Emitter, Event,
    EventRecord, EventSink, EventType, SinkError,
};
use etdi_types::ManualClock;
use futures::executor::block_on;
use futures::{FutureExt, StreamExt};

/// The time limit of a wait, far longer than any step here takes. Only a failing test waits this
/// long.
const LONG: Duration = Duration::from_secs(60);
/// The bound of a listener's queue.
const QUEUE: usize = 1024;

#[test]
fn a_listener_gets_only_its_events_in_order() {
    let emitter = emitter();
    let (seen, records) = channel();
    emitter.on(EventType::ClientConnected, forward(seen)).unwrap();
    for number in 0..100 {
        emitter.emit(connected(number));
        emitter.emit(success());
    }
    assert!(emitter.flush(LONG));
    let servers: Vec<Event> = records.try_iter().map(|record| record.event).collect();
    assert_eq!(servers, (0..100).map(|number| connected(number).into()).collect::<Vec<Event>>());
    assert_eq!(emitter.dropped(), 0);
}

#[test]
fn ids_sort_in_the_order_of_emission_also_when_the_clock_stands_still_or_goes_back() {
    let clock = Arc::new(ManualClock::at(1_800_000_000));
    let emitter = Emitter::new(Arc::clone(&clock), "test");
    let mut subscription = emitter.subscribe(QUEUE);
    for round in 0..100 {
        emitter.emit(connected(round));
        match round {
            40 => clock.advance(Duration::from_millis(3)),
            60 => clock.set(1_700_000_000),
            80 => clock.set(-5),
            _ => {}
        }
    }
    let ids: Vec<_> = drain(&mut subscription).iter().map(|record| record.id).collect();
    assert_eq!(ids.len(), 100);
    assert!(ids.is_sorted());
    assert!(ids.iter().all(|id| id.get_version_num() == 7));
}

#[test]
fn a_record_carries_the_clocks_time_the_source_and_the_correlation() {
    let emitter = emitter();
    let mut subscription = emitter.subscribe(8);
    let correlation = CorrelationId::random();
    emitter.emit(connected(1));
    let call = emitter.with_source("etdi-client").with_correlation(correlation);
    assert_eq!(call.correlation(), Some(correlation));
    call.emit(connected(2));
    let records = drain(&mut subscription);
    assert_eq!(records[0].time.unix_timestamp(), 1_800_000_000);
    assert_eq!((records[0].source.as_str(), records[0].correlation_id), ("test", None));
    assert_eq!(
        (records[1].source.as_str(), records[1].correlation_id),
        ("etdi-client", Some(correlation))
    );
}

#[test]
fn once_is_called_for_the_first_event_only() {
    let emitter = emitter();
    let (seen, records) = channel();
    let id = emitter.once(EventType::ClientConnected, forward(seen)).unwrap();
    emitter.emit(success());
    emitter.emit(connected(1));
    emitter.emit(connected(2));
    assert!(emitter.flush(LONG));
    let events: Vec<Event> = records.iter().map(|record| record.event).collect();
    assert_eq!(events, [connected(1).into()]);
    assert!(!emitter.off(id));
}

#[test]
fn no_call_begins_after_off() {
    let emitter = emitter();
    let (gate, at_gate, open) = Gate::new();
    let (seen, records) = channel();
    let id = emitter
        .on(EventType::ClientConnected, move |record| {
            gate.pass();
            forward(seen.clone())(record);
        })
        .unwrap();
    for number in 0..10 {
        emitter.emit(connected(number));
    }
    at_gate.recv_timeout(LONG).unwrap();
    assert!(emitter.off(id));
    assert!(!emitter.off(id));
    drop(open);
    assert!(emitter.flush(LONG));
    let events: Vec<Event> = records.iter().map(|record| record.event).collect();
    assert_eq!(events, [connected(0).into()], "the one call that had begun");
}

#[test]
fn a_hanging_listener_delays_only_itself_and_its_drops_are_counted() {
    let emitter = emitter();
    let (gate, at_gate, open) = Gate::new();
    let _hanging = emitter.on(EventType::ClientConnected, move |_| gate.pass()).unwrap();
    let (seen, records) = channel();
    emitter.on(EventType::ClientDisconnected, forward(seen)).unwrap();

    emitter.emit(connected(0));
    at_gate.recv_timeout(LONG).unwrap();
    for number in 0..QUEUE + 7 {
        emitter.emit(connected(number));
    }
    emitter.emit(ClientDisconnected::new("server"));

    assert_eq!(emitter.dropped(), 7);
    assert_eq!(records.recv_timeout(LONG).unwrap().event_type(), EventType::ClientDisconnected);
    assert!(!emitter.flush(Duration::ZERO), "the hanging listener still owes its records");
    drop(open);
    assert!(emitter.flush(LONG));
}

#[test]
fn a_panicking_listener_is_counted_and_called_again_and_harms_no_other() {
    let emitter = emitter();
    let (seen, records) = channel();
    let mut calls = 0;
    emitter
        .on(EventType::AuthFailure, move |record| {
            calls += 1;
            if calls == 1 {
                std::panic::resume_unwind(Box::new("a listener with a bug"));
            }
            forward(seen.clone())(record);
        })
        .unwrap();
    let (other, other_records) = channel();
    emitter.on_any(forward(other)).unwrap();
    emitter.emit(failure());
    emitter.emit(failure());
    assert!(emitter.flush(LONG));
    assert_eq!(records.try_iter().count(), 1);
    assert_eq!(other_records.try_iter().count(), 2);
    assert_eq!((emitter.panicked(), emitter.dropped()), (1, 0));
}

#[test]
fn a_listener_may_emit_and_listen_and_take_itself_off() {
    let emitter = emitter();
    let (seen, records) = channel();
    let inner = emitter.clone();
    let id = Arc::new(Mutex::new(None));
    let own = Arc::clone(&id);
    let mut held = id.lock().unwrap();
    *held = Some(
        emitter
            .on(EventType::ClientConnected, move |_| {
                inner.on(EventType::ClientDisconnected, forward(seen.clone())).unwrap();
                inner.emit(ClientDisconnected::new("server"));
                let own = own.lock().unwrap().take();
                assert!(own.is_some_and(|own| inner.off(own)));
            })
            .unwrap(),
    );
    drop(held);
    emitter.emit(connected(1));
    assert_eq!(records.recv_timeout(LONG).unwrap().event_type(), EventType::ClientDisconnected);
    assert!(emitter.flush(LONG));
    assert_eq!(emitter.panicked(), 0);
}

#[test]
fn a_full_subscription_drops_the_newest_and_counts_them() {
    let emitter = emitter();
    let mut subscription = emitter.subscribe(3);
    for number in 0..5 {
        emitter.emit(connected(number));
    }
    assert_eq!((subscription.dropped(), emitter.dropped()), (2, 2));
    let events: Vec<Event> =
        drain(&mut subscription).iter().map(|record| record.event.clone()).collect();
    assert_eq!(events, [connected(0).into(), connected(1).into(), connected(2).into()]);
    emitter.emit(connected(9));
    assert_eq!(subscription.try_recv().unwrap().event, connected(9).into());
}

#[test]
fn a_subscription_for_some_types_holds_those_only() {
    let emitter = emitter();
    let mut subscription =
        emitter.subscribe_to([EventType::AuthFailure, EventType::AuthSuccess], 1_000);
    emitter.emit(connected(1));
    emitter.emit(failure());
    emitter.emit(success());
    let types: Vec<_> = drain(&mut subscription).iter().map(|record| record.event_type()).collect();
    assert_eq!(types, [EventType::AuthFailure, EventType::AuthSuccess]);
}

#[test]
fn a_subscriber_that_waits_is_woken_from_another_thread() {
    let emitter = emitter();
    let mut subscription = emitter.subscribe(1);
    assert!(subscription.recv().now_or_never().is_none());
    let other = emitter.clone();
    let thread = std::thread::spawn(move || other.emit(connected(1)));
    assert_eq!(block_on(subscription.recv()).unwrap().event, connected(1).into());
    thread.join().unwrap();
}

#[test]
fn a_waker_that_emits_is_called_without_a_lock() {
    struct Emits(Emitter);
    impl Wake for Emits {
        fn wake(self: Arc<Self>) {
            self.0.emit(failure());
        }
    }
    let emitter = emitter();
    let mut subscription = emitter.subscribe(8);
    let waker = Waker::from(Arc::new(Emits(emitter.clone())));
    assert!(subscription.poll_next_unpin(&mut Context::from_waker(&waker)).is_pending());
    let (done, emitted) = channel();
    std::thread::spawn(move || {
        emitter.emit(success());
        let _ = done.send(());
    });
    emitted.recv_timeout(LONG).expect("the emitter waits for itself");
    let types: Vec<_> = drain(&mut subscription).iter().map(|record| record.event_type()).collect();
    assert_eq!(types, [EventType::AuthSuccess, EventType::AuthFailure]);
}

#[test]
fn a_capacity_of_any_size_is_accepted() {
    let emitter = emitter();
    let mut smallest = emitter.subscribe(0);
    let mut largest = emitter.subscribe(usize::MAX);
    emitter.emit(connected(1));
    emitter.emit(connected(2));
    assert_eq!((drain(&mut smallest).len(), smallest.dropped()), (1, 1));
    assert_eq!((drain(&mut largest).len(), largest.dropped()), (2, 0));
}

#[test]
fn a_subscription_ends_after_its_queued_records_when_it_is_off_or_the_emitter_is_gone() {
    let emitter = emitter();
    let mut first = emitter.subscribe(8);
    let second = emitter.subscribe(8);
    emitter.emit(connected(1));
    assert!(emitter.off(first.id()));
    emitter.emit(connected(2));
    assert_eq!(block_on(first.recv()).unwrap().event, connected(1).into());
    assert!(block_on(first.recv()).is_none());
    drop(emitter);
    assert_eq!(block_on(second.collect::<Vec<_>>()).len(), 2);
}

#[test]
fn a_dropped_subscription_counts_no_drops() {
    let emitter = emitter();
    drop(emitter.subscribe(1));
    emitter.emit(connected(1));
    emitter.emit(connected(2));
    assert_eq!(emitter.dropped(), 0);
}

#[test]
fn a_failing_sink_is_counted_and_offered_the_next_record() {
    struct Full(Sender<EventType>);
    impl EventSink for Full {
        fn record(&mut self, record: &EventRecord) -> Result<(), SinkError> {
            let _ = self.0.send(record.event_type());
            Err(io::Error::from(io::ErrorKind::StorageFull).into())
        }
    }
    let emitter = emitter();
    let (seen, offered) = channel();
    emitter.attach(Full(seen)).unwrap();
    emitter.emit(failure());
    emitter.emit(success());
    assert!(emitter.flush(LONG));
    assert_eq!(emitter.failed(), 2);
    assert_eq!(
        offered.try_iter().collect::<Vec<_>>(),
        [EventType::AuthFailure, EventType::AuthSuccess]
    );
}

#[test]
fn records_are_flushed_before_flush_returns() {
    struct Held {
        held: usize,
        visible: Arc<Mutex<usize>>,
    }
    impl EventSink for Held {
        fn record(&mut self, _: &EventRecord) -> Result<(), SinkError> {
            self.held += 1;
            Ok(())
        }
        fn flush(&mut self) -> Result<(), SinkError> {
            *self.visible.lock().unwrap() = self.held;
            Ok(())
        }
    }
    let emitter = emitter();
    let visible = Arc::new(Mutex::new(0));
    emitter.attach(Held { held: 0, visible: Arc::clone(&visible) }).unwrap();
    for number in 0..50 {
        emitter.emit(connected(number));
    }
    assert!(emitter.flush(LONG));
    assert_eq!(*visible.lock().unwrap(), 50);
}

#[test]
fn concurrent_emitters_give_every_listener_the_same_order() {
    let emitter = emitter();
    let mut first = emitter.subscribe(QUEUE);
    let mut second = emitter.subscribe(QUEUE);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..100).for_each(|number| emitter.emit(connected(number))));
        }
    });
    let (first, second) = (drain(&mut first), drain(&mut second));
    assert_eq!(first.len(), 400);
    assert_eq!(first, second);
    assert!(first.is_sorted_by_key(|record| record.id));
}

fn emitter() -> Emitter {
    Emitter::new(ManualClock::at(1_800_000_000), "test")
}

fn connected(number: usize) -> ClientConnected {
    ClientConnected::new(number.to_string(), "stdio")
}

fn success() -> AuthSuccess {
    AuthSuccess::new("issuer", "subject", "audience")
}

fn failure() -> AuthFailure {
    AuthFailure::new("invalid_token", "expired")
}

fn forward(to: Sender<EventRecord>) -> impl Fn(&EventRecord) + Send + 'static {
    move |record| {
        let _ = to.send(record.clone());
    }
}

fn drain(subscription: &mut etdi_events::Subscription) -> Vec<Arc<EventRecord>> {
    std::iter::from_fn(|| subscription.try_recv()).collect()
}

/// Blocks a listener until the sender that opens the gate is dropped.
struct Gate {
    reached: Sender<()>,
    opened: Receiver<()>,
}

impl Gate {
    fn new() -> (Self, Receiver<()>, Sender<()>) {
        let (reached, at_gate) = channel();
        let (open, opened) = channel();
        (Self { reached, opened }, at_gate, open)
    }

    fn pass(&self) {
        let _ = self.reached.send(());
        let _ = self.opened.recv();
    }
}
