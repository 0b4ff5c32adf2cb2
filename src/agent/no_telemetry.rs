//! In a build that sends nothing over OTLP.

use std::pin::Pin;
use std::rc::Rc;
use std::time::Instant;

use smol::LocalExecutor;

use crate::agent::Agent;
use crate::agent::checks::Asks;
use crate::config::otlp::Otlp;
use crate::config::{Config, LogLevel};
use crate::report::Build;
use crate::server::{Exchange, Reactor};
use crate::snapshot::{Change, Outcome};

/// Nobody is told.
pub(super) fn tell(_: LogLevel, _: &str, _: u64, _: &str) {}

/// There is none.
pub(super) enum Telemetry {}

impl Telemetry {
    pub(super) fn new(_: Option<Otlp>, _: &Config, _: &Build, _: &Asks, _: &Rc<Reactor>) -> Option<Rc<Self>> {
        None
    }

    pub(super) fn start(self: &Rc<Self>, _: &LocalExecutor<'static>, _: &Rc<Agent>) {
        match **self {}
    }

    pub(super) async fn stop(&self, _: &Agent, _: Instant, _: Pin<&mut dyn Future<Output = ()>>) {
        match *self {}
    }

    pub(super) fn shut_down(&self) {
        match *self {}
    }

    pub(super) fn beat_begins(&self) {
        match *self {}
    }

    pub(super) fn crossing(&self, _: LogLevel, _: &str) {
        match *self {}
    }

    pub(super) fn beat_ends(&self, _: &dyn Fn() -> String) {
        match *self {}
    }

    pub(super) fn prom(&self, _: &mut String) {
        match *self {}
    }

    pub(super) fn observes(&self) -> bool {
        match *self {}
    }

    pub(super) fn observe(&self, _: &Exchange<'_>) {
        match *self {}
    }
}

/// What only a build that checks others has to tell.
#[allow(dead_code, reason = "one without checks has no use for it")]
impl Telemetry {
    pub(super) fn check<M, P>(&self, _: &M, _: &Outcome, _: Instant, _: &P) {
        match *self {}
    }

    pub(super) fn change<M>(&self, _: LogLevel, _: &str, _: &M, _: &Change) {
        match *self {}
    }

    pub(super) fn hurry(&self) {
        match *self {}
    }
}
