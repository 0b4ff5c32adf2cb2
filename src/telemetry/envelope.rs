//! What stands around the records of one export request. A repeated field of a protobuf message is its elements one after
//! the other, so records that were encoded at different times become one request by laying them side by side.
//!
//! The three signals number their fields alike: the resource's list is field 1 of the request, `resource` and `schema_url`
//! are fields 1 and 3 and the scope's list field 2 of its element, `scope` and `schema_url` are fields 1 and 3 and the items
//! field 2 of that one's. So one envelope serves all.
//!
//! A record is what is innermost: `ScopeMetrics`, `ScopeLogs` or `ScopeSpans` with items and nothing else. With the seven
//! attributes of this agent's resource, a log line of 96 bytes takes 112 bytes of the ring as such, 132 with its scope, and
//! 372 as a request of its own (see the test that measures it).

use super::wire::{push_varint, varint_len};

/// Field 1 and field 2, both of wire type LEN (protobuf's "Encoding").
const FIELD_1: u8 = 0x0a;
const FIELD_2: u8 = 0x12;

/// The resource and the scope of every record, already encoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    resource: Vec<u8>,
    scope: Vec<u8>,
}

impl Envelope {
    /// From a `ResourceMetrics` that holds no scopes, and a `ScopeMetrics` that holds no metrics, both encoded.
    pub fn new(resource: Vec<u8>, scope: Vec<u8>) -> Self {
        Envelope { resource, scope }
    }

    /// What was given as the resource.
    pub fn resource(&self) -> &[u8] {
        &self.resource
    }

    /// What was given as the scope.
    pub fn scope(&self) -> &[u8] {
        &self.scope
    }

    /// The most that a request is longer than its records.
    pub fn overhead(&self) -> usize {
        // A length takes ten bytes at most.
        self.resource.len() + self.scope.len() + 2 * 11
    }

    /// Begins a request: `records` bytes of records are to follow, and nothing else.
    pub fn begin(&self, records: usize, request: &mut Vec<u8>) {
        let scope = self.scope.len() + records;
        let resource = self.resource.len() + 1 + varint_len(scope) + scope;
        request.clear();
        request.reserve_exact(1 + varint_len(resource) + resource);
        request.push(FIELD_1);
        push_varint(resource, request);
        request.extend_from_slice(&self.resource);
        request.push(FIELD_2);
        push_varint(scope, request);
        request.extend_from_slice(&self.scope);
    }
}

#[cfg(test)]
pub(super) mod testing {
    //! As much of the logs' messages as it takes to read a request again.

    use prost::Message;

    #[derive(Clone, PartialEq, Message)]
    pub struct Request {
        #[prost(message, repeated, tag = "1")]
        pub resources: Vec<ResourceItems>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct ResourceItems {
        #[prost(message, optional, tag = "1")]
        pub resource: Option<Resource>,
        #[prost(message, repeated, tag = "2")]
        pub scopes: Vec<ScopeItems>,
        #[prost(string, tag = "3")]
        pub schema_url: String,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct Resource {
        #[prost(message, repeated, tag = "1")]
        pub attributes: Vec<KeyValue>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct KeyValue {
        #[prost(string, tag = "1")]
        pub key: String,
        #[prost(message, optional, tag = "2")]
        pub value: Option<AnyValue>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct AnyValue {
        #[prost(string, tag = "1")]
        pub string: String,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct ScopeItems {
        #[prost(message, optional, tag = "1")]
        pub scope: Option<Scope>,
        #[prost(message, repeated, tag = "2")]
        pub items: Vec<Item>,
        #[prost(string, tag = "3")]
        pub schema_url: String,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct Scope {
        #[prost(string, tag = "1")]
        pub name: String,
        #[prost(string, tag = "2")]
        pub version: String,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct Item {
        // Optional, so that 0 takes as many bytes as any other.
        #[prost(fixed64, optional, tag = "1")]
        pub time_unix_nano: Option<u64>,
        #[prost(message, optional, tag = "5")]
        pub body: Option<AnyValue>,
    }

    pub fn item(number: u64, text: &str) -> Item {
        Item { time_unix_nano: Some(number), body: Some(AnyValue { string: text.into() }) }
    }

    pub fn resource() -> ResourceItems {
        let attributes = [
            ("service.name", "imalive-raspberrypi"),
            ("service.version", "0.1.0"),
            ("host.name", "raspberrypi"),
            ("host.arch", "arm32"),
            ("os.type", "linux"),
            ("service.instance.id", "c2f1d0a8-5e3b-4a57-9f31-6d1f0c8e4b7a"),
            ("telemetry.sdk.language", "rust"),
        ];
        let attributes =
            attributes.map(|(key, value)| KeyValue { key: key.into(), value: Some(AnyValue { string: value.into() }) });
        let resource = Some(Resource { attributes: attributes.into() });
        ResourceItems { resource, scopes: Vec::new(), schema_url: String::new() }
    }

    pub fn scope() -> ScopeItems {
        let scope = Some(Scope { name: "imalive".into(), version: "0.1.0".into() });
        ScopeItems { scope, items: Vec::new(), schema_url: "https://example.com/1".into() }
    }

    pub fn envelope() -> super::Envelope {
        super::Envelope::new(resource().encode_to_vec(), scope().encode_to_vec())
    }

    /// Items alone, as a record has them.
    pub fn record(items: &[Item]) -> Vec<u8> {
        ScopeItems { items: items.into(), ..ScopeItems::default() }.encode_to_vec()
    }

    /// The numbers of the items of a request, which has to have one resource and one scope, both of them whole.
    pub fn numbers(request: &[u8]) -> Vec<u64> {
        let request = Request::decode(request).unwrap();
        let [of_resource] = &request.resources[..] else { panic!("{} resources", request.resources.len()) };
        let [of_scope] = &of_resource.scopes[..] else { panic!("{} scopes", of_resource.scopes.len()) };
        assert_eq!(of_resource.resource, resource().resource);
        assert_eq!((&of_scope.scope, &of_scope.schema_url), (&scope().scope, &scope().schema_url));
        of_scope.items.iter().filter_map(|item| item.time_unix_nano).collect()
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::testing::*;
    use super::*;

    #[test]
    fn records_side_by_side_are_the_request_that_would_have_been_encoded_at_once() {
        for count in [0, 1, 2, 3, 100, 3000] {
            let items: Vec<Item> = (0..count).map(|number| item(number, "up")).collect();
            let records: Vec<u8> = items.chunks(7).flat_map(record).collect();
            let mut request = vec![1, 2, 3];
            envelope().begin(records.len(), &mut request);
            request.extend(&records);
            assert!(request.len() <= records.len() + envelope().overhead());
            let at_once = Request {
                resources: vec![ResourceItems { scopes: vec![ScopeItems { items, ..scope() }], ..resource() }],
            };
            assert_eq!(Request::decode(&request[..]).unwrap(), at_once, "{count}");
            assert_eq!(request.len(), at_once.encoded_len(), "{count}");
        }
    }

    #[test]
    fn an_envelope_of_nothing_is_one_too() {
        let mut request = Vec::new();
        Envelope::default().begin(0, &mut request);
        assert_eq!(request, [0x0a, 2, 0x12, 0]);
    }

    #[test]
    fn a_record_without_its_resource_takes_a_third_of_the_room() {
        let log_line = item(1_790_000_000_000_000_000, &"x".repeat(81));
        let alone = record(std::slice::from_ref(&log_line));
        let with_scope = ScopeItems { items: vec![log_line], schema_url: String::new(), ..scope() };
        let whole = Request { resources: vec![ResourceItems { scopes: vec![with_scope.clone()], ..resource() }] };
        // Field 2 of what is around it.
        let of_scope = 1 + varint_len(with_scope.encoded_len()) + with_scope.encoded_len();
        let measured =
            [alone.len(), of_scope, whole.encoded_len()].map(|bytes| super::super::ring::HEADER_BYTES + bytes);
        assert_eq!(measured, [112, 132, 372]);
    }
}
