//! Wiring: the clock, the timers, the current snapshot.
