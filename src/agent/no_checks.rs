//! In a build that checks no other services.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use smol::LocalExecutor;

use crate::agent::telemetry::Telemetry;
use crate::config::file::Loaded;
use crate::config::{Config, LogLevel};
use crate::notify::heartbeats::Heartbeats;
use crate::server::Reactor;

/// Nothing is read.
pub fn load(_: &Config) -> Result<Option<Loaded>, String> {
    Ok(None)
}

/// What asks others: nothing.
pub(super) struct Asks;

pub(super) fn client(_: &Rc<Reactor>) -> Asks {
    Asks
}

pub(super) struct Checks;

impl Checks {
    pub(super) fn new(
        _: &Config,
        _: Option<Loaded>,
        _: Asks,
        _: Rc<Reactor>,
        _: Rc<RefCell<Heartbeats>>,
        _: Option<Rc<Telemetry>>,
    ) -> Rc<Self> {
        Rc::new(Checks)
    }

    pub(super) fn start(self: &Rc<Self>, _: &Rc<LocalExecutor<'static>>) {}

    pub(super) fn reload(&self, _: &Config) {}

    pub(super) fn line(&self, _: LogLevel, _: &dyn Fn() -> String) {}

    pub(super) fn crossing(&self, _: LogLevel, _: &str) {}

    pub(super) fn gated(&self) -> Option<Vec<String>> {
        None
    }

    pub(super) fn summary(&self, _: &mut String) {}

    pub(super) async fn stop(&self, _: Instant) {}

    pub(super) fn prom(&self, _: &mut String) {}

    pub(super) fn list(&self, _: &mut String) -> u16 {
        404
    }

    pub(super) fn one(&self, _: &str, _: &mut String) -> u16 {
        404
    }
}
