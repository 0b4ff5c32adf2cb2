//! `headers`: a list of `name` and `value`, or `value_file`.

use alloc::string::String;
use alloc::vec::Vec;

use crate::config::file::Context;
use crate::config::file::fields::{Field, Fields};
use crate::config::file::references::secret;
use crate::config::monitors::Secret;
use crate::config::yaml::{Mistake, Value};
use crate::limits::CHECK_HEADERS;

const KEYS: [&str; 3] = ["name", "value", "value_file"];

/// The header fields under `headers`; one without a name or a value is none, as in the original.
pub(super) fn headers(
    fields: &Fields<'_>,
    context: &Context<'_>,
    warnings: &mut Vec<Mistake>,
) -> Result<Vec<(String, Secret)>, Mistake> {
    let Some(field) = fields.get_original("headers") else { return Ok(Vec::new()) };
    let Value::Sequence(items) = &field.node.value else {
        return Err(Field { key: field.key, node: field.node }.wrong("is not a list", "a list of name and value"));
    };
    if items.len() > CHECK_HEADERS {
        let mut buffer = itoa::Buffer::new();
        return Err(field.remark(&["too many: expected at most ", buffer.format(CHECK_HEADERS)]));
    }
    let mut headers = Vec::new();
    for item in items {
        let header = Fields::of("headers", item, &KEYS)?;
        let name = header.get_original("name");
        let value = secret(&header, "value", "value_file", context)?;
        let (Some(name), Some((value_field, value))) = (name, value) else {
            warnings.push(Field { key: "headers", node: item }.remark(&["not sent: expected a name and a value"]));
            continue;
        };
        let name = name.parse("is not the name of a header field", "letters, digits and -", |name| {
            name.bytes().all(is_token).then_some(name)
        })?;
        if value.reveal().contains(|c: char| c.is_control() && c != '\t') {
            return Err(value_field.remark(&["has control characters: expected one line of text"]));
        }
        headers.push((name.into(), value));
    }
    Ok(headers)
}

/// RFC 9110 section 5.6.2.
pub(in crate::config) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
