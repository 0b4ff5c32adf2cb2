//! What the endpoints answer.

use std::path::Path;
use std::rc::Rc;

use crate::agent::{Agent, unix_micros};
use crate::config::MONITORS;
use crate::http::DESCRIBED;
use crate::http::route::{Handler, ROUTES, Route};
use crate::read;
use crate::report::prometheus::Scrape;
use crate::report::{self, Endpoint, Schema};
use crate::server::{Exchange, Service};
use crate::snapshot::Method;

impl Agent {
    pub(super) fn body(&self, handler: Handler) -> String {
        let mut body = String::new();
        self.respond(handler, "", &mut body);
        body
    }

    fn healthy(&self, body: &mut String) -> u16 {
        match self.checks.as_ref().and_then(|checks| checks.gated()) {
            None => {
                *body = self.health.at(unix_micros());
                200
            }
            Some(down) => {
                let down: Vec<&str> = down.iter().map(String::as_str).collect();
                *body = self.health.gated(unix_micros(), &down);
                503
            }
        }
    }

    fn prom(&self) -> String {
        self.scrape(report::prometheus::render)
    }

    /// What is known of the node and the agent.
    pub(super) fn scrape<T>(&self, take: impl FnOnce(&Scrape<'_>) -> T) -> T {
        let process = self.process.read(unix_micros()).map_err(|error| log::debug!("{error}")).ok();
        take(&Scrape {
            snapshot: self.sampler.borrow().snapshot(),
            counters: &self.counters.borrow(),
            process: process.as_ref(),
            build: &self.build,
            mountpoint: &self.config.disk_path,
            ticks_per_second: self.ticks_per_second,
        })
    }

    fn manifest(&self, body: &mut String) -> u16 {
        let Some(path) = &self.config.manifest_path else {
            *body = report::manifest::built_in(&self.build);
            return 200;
        };
        let manifest = read::manifest(Path::new(path)).and_then(|bytes| {
            let text = std::str::from_utf8(&bytes).map_err(|_| format!("{path}: not UTF-8"))?;
            report::manifest::from_file(text).map_err(|reason| format!("{path}: {reason}"))
        });
        match manifest {
            Ok(manifest) => {
                *body = manifest;
                200
            }
            Err(reason) => {
                *body = report::json::error(&reason);
                500
            }
        }
    }
}

impl Service for Rc<Agent> {
    fn respond(&self, handler: Handler, parameter: &str, body: &mut String) -> u16 {
        Agent::respond(self, handler, parameter, body)
    }

    fn detail(&self, detail: &str, body: &mut String) {
        *body = report::json::detail(detail);
    }

    fn count(&self, label: (usize, &'static str), method: Method, status: u16) {
        self.counters.borrow_mut().requests.count(label, method, status);
    }

    fn count_evicted(&self) {
        self.counters.borrow_mut().connections_evicted += 1;
    }

    fn observes(&self) -> bool {
        self.telemetry.as_ref().is_some_and(|telemetry| telemetry.observes())
    }

    fn observe(&self, exchange: &Exchange<'_>) {
        if let Some(telemetry) = &self.telemetry {
            telemetry.observe(exchange);
        }
    }
}

impl Agent {
    fn respond(&self, handler: Handler, parameter: &str, body: &mut String) -> u16 {
        match handler {
            Handler::Root | Handler::Health => return self.healthy(body),
            Handler::Manifest => return self.manifest(body),
            Handler::Metrics => {
                self.refresh();
                *body = report::json::metrics(self.node(), self.sampler.borrow().snapshot());
            }
            Handler::Prom => {
                self.refresh();
                *body = self.prom();
                if let Some(checks) = &self.checks {
                    checks.prom(body);
                }
                if let Some(telemetry) = &self.telemetry {
                    telemetry.prom(body);
                }
            }
            Handler::OpenApi if DESCRIBED => *body = report::openapi::render(&self.build, &endpoints()),
            Handler::Docs if DESCRIBED => *body = report::docs::render(&self.build, &endpoints()),
            Handler::Monitors if MONITORS => return self.checks.as_ref().map_or(404, |checks| checks.list(body)),
            Handler::Monitor if MONITORS => {
                return self.checks.as_ref().map_or(404, |checks| checks.one(parameter, body));
            }
            // The table of a build without them has no path that leads here.
            Handler::OpenApi | Handler::Docs | Handler::Monitors | Handler::Monitor => return 404,
        }
        200
    }
}

/// The server's table as its descriptions need it.
fn endpoints() -> Vec<Endpoint<'static>> {
    let endpoint = |route: &'static Route| Endpoint {
        paths: route.paths,
        allow: route.allow,
        summary: route.summary,
        description: route.description,
        media_type: route.media_type,
        schema: match route.handler {
            Handler::Root | Handler::Health => Schema::Health,
            Handler::Manifest => Schema::Manifest,
            Handler::Metrics => Schema::Metrics,
            Handler::Monitors => Schema::Monitors,
            Handler::Monitor => Schema::Monitor,
            Handler::OpenApi => Schema::Object,
            Handler::Prom | Handler::Docs => Schema::Text,
        },
        responses: route.responses,
    };
    ROUTES.iter().map(endpoint).collect()
}
