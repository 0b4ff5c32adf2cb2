//! Who is connected, what each waits for, and who has to go: for room, or because its time is up. Time comes in as an
//! argument, and what holds a connection open is a value of the caller's.

use std::time::{Duration, Instant};

use crate::limits::{CONNECTIONS, HEAD_TIMEOUT_SECS, IDLE_TIMEOUT_SECS, LINGER_SECS, WRITE_TIMEOUT_SECS};

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The first byte of a request.
    Idle,
    /// The rest of a request.
    Receiving,
    /// The client, to take its answer.
    Sending,
    /// The client, to close after an error.
    Lingering,
}

impl Phase {
    /// How long it may last.
    pub fn limit(self) -> Duration {
        Duration::from_secs(match self {
            Phase::Idle => IDLE_TIMEOUT_SECS,
            Phase::Receiving => HEAD_TIMEOUT_SECS,
            Phase::Sending => WRITE_TIMEOUT_SECS,
            Phase::Lingering => LINGER_SECS,
        })
    }
}

/// Names one connection: its place, and a number that no other connection in that place has had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    place: usize,
    number: u32,
}

impl Ticket {
    /// As the token of an epoll event.
    pub fn token(self) -> u64 {
        u64::from(self.number) << 16 | self.place as u64
    }

    /// From the token of an epoll event.
    pub fn from_token(token: u64) -> Self {
        Ticket { place: token as usize & 0xffff, number: (token >> 16) as u32 }
    }
}

const _: () = assert!(CONNECTIONS <= 0xffff);

struct Slot<T> {
    number: u32,
    phase: Phase,
    since: Instant,
    held: T,
}

/// The connections. `T` is what keeps one open: dropping it closes the connection.
pub struct Slots<T> {
    slots: heapless::Vec<Option<Slot<T>>, CONNECTIONS>,
    next_number: u32,
    open: usize,
}

impl<T> Slots<T> {
    /// Room for `capacity` connections, at most [`CONNECTIONS`].
    pub fn new(capacity: usize) -> Self {
        let mut slots = heapless::Vec::new();
        for _ in 0..capacity.clamp(1, CONNECTIONS) {
            // Within the capacity by the clamp above.
            let _ = slots.push(None);
        }
        Slots { slots, next_number: 0, open: 0 }
    }

    /// Connections that are open.
    pub fn open(&self) -> usize {
        self.open
    }

    /// Takes a place for a connection that is idle as of `now`. If there is none free, the connection that has waited
    /// longest in its phase leaves, and comes back to be closed.
    pub fn enter(&mut self, now: Instant, held: T) -> (Ticket, Option<T>) {
        let evicted = if self.open == self.slots.len() { self.evict() } else { None };
        self.next_number = self.next_number.wrapping_add(1);
        let number = self.next_number;
        // Either one was free, or one has just become so.
        let place = self.slots.iter().position(Option::is_none).unwrap_or_default();
        self.slots[place] = Some(Slot { number, phase: Phase::Idle, since: now, held });
        self.open += 1;
        (Ticket { place, number }, evicted)
    }

    /// The connection that `ticket` names, and what it waits for.
    pub fn get(&mut self, ticket: Ticket) -> Option<(Phase, &mut T)> {
        self.find(ticket).map(|slot| (slot.phase, &mut slot.held))
    }

    /// Takes out the connection that has waited longest in its phase.
    pub fn evict(&mut self) -> Option<T> {
        let oldest = (0..self.slots.len()).filter(|at| self.slots[*at].is_some()).min_by_key(|at| self.since(*at))?;
        self.take(oldest)
    }

    /// Takes out the connection that `ticket` names, if it is still there.
    pub fn leave(&mut self, ticket: Ticket) -> Option<T> {
        self.find(ticket)?;
        self.take(ticket.place)
    }

    /// Says what the connection waits for from `now` on. To go on waiting for the same does not set its time back.
    pub fn set_phase(&mut self, ticket: Ticket, phase: Phase, now: Instant) {
        if let Some(slot) = self.find(ticket)
            && slot.phase != phase
        {
            slot.phase = phase;
            slot.since = now;
        }
    }

    /// Notes that the connection was served: it is as good as new.
    pub fn renew(&mut self, ticket: Ticket, now: Instant) {
        if let Some(slot) = self.find(ticket) {
            slot.phase = Phase::Idle;
            slot.since = now;
        }
    }

    /// Takes out one connection whose time was up at `now`, with the phase it was in.
    pub fn expire(&mut self, now: Instant) -> Option<(Phase, T)> {
        let at = (0..self.slots.len()).find(|at| self.deadline(*at).is_some_and(|deadline| deadline <= now))?;
        let phase = self.slots[at].as_ref()?.phase;
        self.take(at).map(|held| (phase, held))
    }

    /// When the next connection's time is up.
    pub fn next_deadline(&self) -> Option<Instant> {
        (0..self.slots.len()).filter_map(|at| self.deadline(at)).min()
    }

    /// Whether a request is under way on any connection.
    pub fn busy(&self) -> bool {
        self.slots.iter().flatten().any(|slot| matches!(slot.phase, Phase::Receiving | Phase::Sending))
    }

    fn find(&mut self, ticket: Ticket) -> Option<&mut Slot<T>> {
        self.slots.get_mut(ticket.place)?.as_mut().filter(|slot| slot.number == ticket.number)
    }

    fn since(&self, at: usize) -> Option<Instant> {
        self.slots[at].as_ref().map(|slot| slot.since)
    }

    fn deadline(&self, at: usize) -> Option<Instant> {
        self.slots[at].as_ref().map(|slot| slot.since + slot.phase.limit())
    }

    fn take(&mut self, at: usize) -> Option<T> {
        let slot = self.slots[at].take()?;
        self.open -= 1;
        Some(slot.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of two, its tickets, and its clock.
    fn two() -> (Slots<u32>, [Ticket; 2], impl Fn(u64) -> Instant) {
        let start = Instant::now();
        let at = move |secs: u64| start + Duration::from_secs(secs);
        let mut slots = Slots::new(2);
        let tickets = [1, 2].map(|name| {
            let (ticket, evicted) = slots.enter(at(u64::from(name)), name);
            assert_eq!(evicted, None);
            ticket
        });
        (slots, tickets, at)
    }

    #[test]
    fn the_one_that_waited_longest_gives_its_place() {
        let (mut slots, _, at) = two();
        assert_eq!(slots.enter(at(3), 3).1, Some(1));
        assert_eq!(slots.enter(at(4), 4).1, Some(2));
        assert_eq!(slots.open(), 2);
    }

    #[test]
    fn one_that_was_just_served_stays() {
        let (mut slots, tickets, at) = two();
        slots.set_phase(tickets[1], Phase::Idle, at(4));
        slots.renew(tickets[0], at(5));
        assert_eq!(slots.enter(at(6), 3).1, Some(2));
    }

    #[test]
    fn to_drip_a_request_does_not_keep_a_place() {
        let (mut slots, tickets, at) = two();
        for secs in 1..9 {
            slots.set_phase(tickets[0], Phase::Receiving, at(secs));
        }
        assert_eq!(slots.expire(at(10)), None);
        assert_eq!(slots.expire(at(11)), Some((Phase::Receiving, 1)));
    }

    #[test]
    fn the_ticket_of_one_that_left_opens_nothing() {
        let (mut slots, tickets, at) = two();
        assert_eq!(slots.enter(at(3), 3).1, Some(1));
        slots.set_phase(tickets[0], Phase::Sending, at(4));
        assert!(!slots.busy());
        assert_eq!((slots.leave(tickets[0]), slots.leave(tickets[1]), slots.open()), (None, Some(2), 1));
    }

    #[test]
    fn a_ticket_survives_as_a_token() {
        let (_, tickets, _) = two();
        assert_eq!(tickets.map(|ticket| Ticket::from_token(ticket.token())), tickets);
    }

    #[test]
    fn the_next_deadline_is_the_nearest() {
        let (mut slots, tickets, at) = two();
        assert_eq!(slots.next_deadline(), Some(at(1) + Phase::Idle.limit()));
        slots.set_phase(tickets[1], Phase::Lingering, at(2));
        assert_eq!(slots.next_deadline(), Some(at(2) + Phase::Lingering.limit()));
        assert_eq!(Slots::<u32>::new(1).next_deadline(), None);
    }
}
