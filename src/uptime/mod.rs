//! From outcomes to states, and from states to what people are told. No clock and no socket: time comes in as an argument.
