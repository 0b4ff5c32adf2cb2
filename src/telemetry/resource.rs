//! Whose telemetry it is (semantic conventions, "Service", "Host" and "Operating System").

use crate::report::Build;
use crate::telemetry::messages::common::{InstrumentationScope, KeyValue};
use crate::telemetry::messages::resource::Resource;

/// What a resource is made of.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// What the agent was built from.
    pub build: &'a Build,
    /// The node's name.
    pub node_name: &'a str,
    /// The host's name, where it is known.
    pub host_name: Option<&'a str>,
    /// `OTEL_RESOURCE_ATTRIBUTES`, decoded: each stands in place of ours.
    pub given: &'a [(String, String)],
    /// `OTEL_SERVICE_NAME`: stands in place of any other.
    pub service_name: Option<&'a str>,
}

/// The resource of everything that is sent.
pub fn resource(identity: &Identity<'_>) -> Resource {
    let mut attributes = Vec::with_capacity(5 + identity.given.len());
    // As the original has it.
    set(&mut attributes, "service.name", &["imalive-", identity.node_name].concat());
    set(&mut attributes, "service.version", identity.build.version);
    if let Some(name) = identity.host_name {
        set(&mut attributes, "host.name", name);
    }
    set(&mut attributes, "host.arch", host_arch(identity.build.arch));
    set(&mut attributes, "os.type", "linux");
    for (key, value) in identity.given {
        set(&mut attributes, key, value);
    }
    if let Some(name) = identity.service_name {
        set(&mut attributes, "service.name", name);
    }
    Resource { attributes }
}

/// imalive itself, as what has made the telemetry.
pub fn scope(build: &Build) -> InstrumentationScope {
    InstrumentationScope { name: "imalive".to_owned(), version: build.version.to_owned() }
}

fn set(attributes: &mut Vec<KeyValue>, key: &str, value: &str) {
    let attribute = KeyValue::text(key, value);
    match attributes.iter_mut().find(|known| known.key == key) {
        Some(known) => *known = attribute,
        None => attributes.push(attribute),
    }
}

/// The conventions' names of what Rust calls otherwise; they have none for RISC-V.
fn host_arch(arch: &str) -> &str {
    match arch {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" => "arm32",
        "powerpc" => "ppc32",
        "powerpc64" => "ppc64",
        other => other,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::telemetry::messages::common::Value;

    pub(in crate::telemetry) const BUILD: Build =
        Build { version: "0.1.0", revision: "1c7cb1f", arch: "arm", target: "arm-unknown-linux-musleabihf" };

    pub(in crate::telemetry) const IDENTITY: Identity<'static> =
        Identity { build: &BUILD, node_name: "anode", host_name: Some("pi"), given: &[], service_name: None };

    fn pairs(identity: &Identity<'_>) -> Vec<(String, String)> {
        let of = |attribute: KeyValue| match attribute.value.and_then(|value| value.value) {
            Some(Value::StringValue(value)) => (attribute.key, value),
            other => panic!("{other:?}"),
        };
        resource(identity).attributes.into_iter().map(of).collect()
    }

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| (String::from(*key), String::from(*value))).collect()
    }

    #[test]
    fn a_service_has_the_original_name_and_the_conventions_attributes() {
        let expected = [
            ("service.name", "imalive-anode"),
            ("service.version", "0.1.0"),
            ("host.name", "pi"),
            ("host.arch", "arm32"),
            ("os.type", "linux"),
        ];
        assert_eq!(pairs(&IDENTITY), owned(&expected));
        let without = pairs(&Identity { host_name: None, ..IDENTITY });
        assert!(without.iter().all(|(key, _)| key != "host.name"), "{without:?}");
    }

    #[test]
    fn what_the_operator_gives_stands_in_place_of_ours() {
        let given = owned(&[("service.name", "a"), ("os.type", "plan9"), ("room", "kitchen"), ("room", "hall")]);
        let all = pairs(&Identity { given: &given, ..IDENTITY });
        for pair in owned(&[("service.name", "a"), ("os.type", "plan9"), ("room", "hall")]) {
            assert_eq!(all.iter().filter(|(key, _)| *key == pair.0).collect::<Vec<_>>(), [&pair]);
        }
        let all = pairs(&Identity { given: &given, service_name: Some("b"), ..IDENTITY });
        assert_eq!(all[0], (String::from("service.name"), String::from("b")));
    }

    #[test]
    fn architectures_have_the_names_of_the_conventions() {
        for (rust, conventions) in [("x86_64", "amd64"), ("aarch64", "arm64"), ("x86", "x86"), ("riscv64", "riscv64")] {
            assert_eq!(host_arch(rust), conventions);
        }
    }
}
