//! Which troubles are told: the first of each kind, until there is none.

use crate::telemetry::exporter::Trouble;
use crate::telemetry::ring::Signal;

/// What has been told.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    /// Of the outage that is going on: a bit a kind.
    outage: u32,
    /// Of each signal, since all of a message was taken.
    answered: [Option<(u8, u32)>; Signal::ALL.len()],
}

const LATER: u32 = 1 << 30;
const STRANGER: u32 = 1 << 31;

impl Quiet {
    /// Whether `trouble` is of a kind that has not been told.
    pub(super) fn is_new(&mut self, which: Signal, trouble: Option<&Trouble>) -> bool {
        let answered = match trouble {
            Some(Trouble::Unreachable(failure)) => return self.is_new_outage(1 << (failure.kind as u32)),
            Some(Trouble::Later(..)) => return self.is_new_outage(LATER),
            Some(Trouble::Stranger(..)) => return self.is_new_outage(STRANGER),
            Some(Trouble::Refused(number, ..)) => Some((0, *number)),
            Some(Trouble::Partial(_)) => Some((1, 0)),
            Some(Trouble::Unreadable(_)) => Some((2, 0)),
            None => None,
        };
        self.outage = 0;
        let told = &mut self.answered[which as usize];
        std::mem::replace(told, answered) != answered && answered.is_some()
    }

    fn is_new_outage(&mut self, kind: u32) -> bool {
        let is_new = self.outage & kind == 0;
        self.outage |= kind;
        is_new
    }
}
