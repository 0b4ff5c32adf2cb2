//! OTLP/gRPC.

use std::time::Instant;

use crate::client::grpc::{Call, Channel};
use crate::config::otlp;
use crate::snapshot::FailureKind;
use crate::telemetry::answers::{export_response, refusal};
use crate::telemetry::exporter::{Ending, Payload, Trouble, USER_AGENT};
use crate::telemetry::retry::Outcome;

/// Of the codes that an answer may have ("Status codes and their use in gRPC").
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

pub(super) async fn export(channel: &mut Channel, to: &otlp::Signal, message: Payload<'_>) -> Ending {
    let (path, headers) = (&*to.target.path, &*to.headers);
    let call = Call { path, user_agent: USER_AGENT, headers, message: message.bytes, encoding: message.encoding };
    let reply = match channel.unary(&call, Instant::now() + to.timeout).await {
        Ok(reply) => reply,
        Err(failure) if failure.kind == FailureKind::Body => return Ending::accepted(Err(failure.cause().into())),
        Err(failure) => return Ending::new(Outcome::UNREACHABLE, Trouble::Unreachable(failure)),
    };
    if reply.grpc_status == 0 {
        return Ending::accepted(export_response(&reply.body).map_err(|error| error.to_string()));
    }
    // Details are of use where they can be read; the status counts without.
    let told = refusal(&reply.details).ok();
    let outcome = Outcome::of_grpc(reply.grpc_status, told.as_ref().and_then(|told| told.retry));
    let message = match told {
        Some(told) if reply.message.is_empty() => told.message,
        _ => reply.message,
    };
    let name = usize::try_from(reply.grpc_status).ok().and_then(|code| NAMES.get(code)).unwrap_or(&"");
    let space = if name.is_empty() { "" } else { " " };
    let status = ["gRPC status ", itoa::Buffer::new().format(reply.grpc_status), space, name].concat();
    Ending::of_status(outcome, reply.grpc_status, status, &message)
}
