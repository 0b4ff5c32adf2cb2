//! `/openapi.json`: OpenAPI 3.1, made from the endpoints that the server answers.

use alloc::string::String;

use miniserde::json::to_string;

use crate::report::number::push_integer;
use crate::report::{Build, Endpoint, Schema};

/// The schemas of the answers, as the text of one JSON object.
const SCHEMAS: &str = include_str!("openapi-schemas.json");

/// The description of `endpoints`.
pub fn render(build: &Build, endpoints: &[Endpoint<'_>]) -> String {
    let mut out = String::with_capacity(16 * 1024);
    out.push_str(
        r#"{"openapi":"3.1.0","info":{"title":"imalive","description":"Says whether a node is alive and what state it is in.","license":{"name":"MIT OR Apache-2.0","identifier":"MIT OR Apache-2.0"},"version":"#,
    );
    quote(&mut out, build.version);
    out.push_str(r#"},"servers":[{"url":"/"}],"paths":{"#);
    let mut first = true;
    for endpoint in endpoints {
        for path in endpoint.paths {
            separate(&mut out, &mut first);
            quote(&mut out, path);
            out.push_str(":{");
            operations(&mut out, path, endpoint);
            out.push('}');
        }
    }
    out.push_str(r#"},"components":{"schemas":"#);
    // Line ends between its members are for its readers only.
    out.extend(SCHEMAS.lines());
    out.push_str("}}");
    out
}

fn operations(out: &mut String, path: &str, endpoint: &Endpoint<'_>) {
    let mut first = true;
    for method in endpoint.allow.split(", ") {
        // OPTIONS is the protocol's, not the endpoint's.
        let method = match method {
            "GET" => "get",
            "HEAD" => "head",
            "POST" => "post",
            _ => continue,
        };
        separate(out, &mut first);
        quote(out, method);
        out.push_str(":{\"operationId\":\"");
        out.push_str(method);
        out.extend(path.chars().map(|character| if character.is_ascii_alphanumeric() { character } else { '_' }));
        out.push_str("\",\"summary\":");
        quote(out, endpoint.summary);
        out.push_str(",\"description\":");
        quote(out, endpoint.description);
        if path.ends_with("/{name}") {
            out.push_str(r#","parameters":[{"name":"name","in":"path","required":true,"schema":{"type":"string"}}]"#);
        }
        out.push_str(",\"responses\":{");
        let mut first = true;
        for (status, when) in endpoint.responses {
            separate(out, &mut first);
            out.push('"');
            push_integer(out, u64::from(*status));
            out.push_str("\":{\"description\":");
            quote(out, when);
            // The answer to HEAD has no content (RFC 9110 section 9.3.2).
            if method != "head" {
                content(out, *status, endpoint);
            }
            out.push('}');
        }
        out.push_str("}}");
    }
}

fn content(out: &mut String, status: u16, endpoint: &Endpoint<'_>) {
    let media_type = if status < 400 { endpoint.media_type } else { "application/json" };
    let schema = match (status, endpoint.schema) {
        (503, Schema::Health) => r##"{"$ref":"#/components/schemas/Gated"}"##,
        (500.., _) => r##"{"$ref":"#/components/schemas/Error"}"##,
        (400.., _) => r##"{"$ref":"#/components/schemas/Detail"}"##,
        (_, Schema::Health) => r##"{"$ref":"#/components/schemas/Health"}"##,
        (_, Schema::Manifest) => r##"{"$ref":"#/components/schemas/Manifest"}"##,
        (_, Schema::Metrics) => r##"{"$ref":"#/components/schemas/Metrics"}"##,
        (_, Schema::Monitors) => r##"{"$ref":"#/components/schemas/Monitors"}"##,
        (_, Schema::Monitor) => r##"{"$ref":"#/components/schemas/Monitor"}"##,
        (_, Schema::Object) => r#"{"type":"object"}"#,
        (_, Schema::Text) => r#"{"type":"string"}"#,
    };
    out.push_str(",\"content\":{");
    quote(out, media_type);
    out.push_str(":{\"schema\":");
    out.push_str(schema);
    out.push_str("}}");
}

fn separate(out: &mut String, first: &mut bool) {
    if !core::mem::take(first) {
        out.push(',');
    }
}

fn quote(out: &mut String, text: &str) {
    out.push_str(&to_string(text));
}
