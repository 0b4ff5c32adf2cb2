//! imalive says that a node is alive, and what state it is in, from the smallest machine that runs Linux.
//!
//! ```text
//! /proc, statvfs ─► read ─(parse)────┐                ┌─► server ─► a client
//!                                    ├─► snapshot ─► report
//! other services ─► monitor ─(uptime)┘      │         └─► notify ─► stdout, journal (heartbeat), stderr (diagnostics),
//!                                           │                       the service manager, chats, webhooks
//!                                           └─► telemetry ─► a collector
//! ```
//!
//! [`snapshot`] is the waist: all that is true of the node at one instant, as plain values of fixed size. Nothing left
//! of [`report`] knows a wire format; nothing right of `read` opens a file. `agent` alone owns the clock, the timers
//! and the current snapshot, and calls the rooms in this order.
//!
//! A room sees only the rooms above it in the list below, and never one of its own rank (`tests/layers.rs` holds this):
//! `limits` < `snapshot` `config` < `parse` `uptime` `report` `http` `reactor` < `client` < `read` `monitor` `notify` `telemetry`
//! < `server` < `agent`.
//!
//! Without the `std` feature what is left is the `no_std` core: values, parsers, reports and the reading of requests.
#![cfg_attr(not(any(test, feature = "std")), no_std)]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

extern crate alloc;

pub mod limits;

pub mod config;
pub mod snapshot;

pub mod http;
pub mod parse;
pub mod report;
pub mod uptime;

#[cfg(feature = "std")]
pub mod reactor;

#[cfg(feature = "monitors")]
pub mod client;

#[cfg(feature = "std")]
pub mod monitor;
#[cfg(feature = "std")]
pub mod notify;
#[cfg(feature = "std")]
pub mod read;
#[cfg(feature = "otlp")]
pub mod telemetry;

#[cfg(feature = "std")]
pub mod server;

#[cfg(feature = "std")]
pub mod agent;
