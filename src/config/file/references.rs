//! Values that stand elsewhere: `${NAME}` in the environment, `KEY_file` in a file.

use alloc::string::{String, ToString};

use crate::config::file::Context;
use crate::config::file::fields::{Field, Fields, remark};
use crate::config::monitors::Secret;
use crate::config::yaml::{Entry, Mistake};
use crate::limits::CONFIG_VALUE_BYTES;

/// The text of `field` with `${NAME}` replaced from the environment, and `$${` by `${`.
pub(super) fn resolve(field: Field<'_>, context: &Context<'_>) -> Result<String, Mistake> {
    let mut rest = field.text()?;
    let mut resolved = String::new();
    while let Some(at) = rest.find("${") {
        let (before, reference) = rest.split_at(at);
        match before.strip_suffix('$') {
            Some(before) => {
                resolved.push_str(before);
                resolved.push_str("${");
                rest = &reference[2..];
            }
            None => {
                resolved.push_str(before);
                // What is no name is not shown: it may be part of a secret.
                let Some((name, after)) = reference[2..].split_once('}').filter(|(name, _)| is_name(name)) else {
                    return Err(
                        field.remark(&["\"${\" without a name: expected ${NAME}, or $${ for the characters ${"])
                    );
                };
                let value = (context.lookup)(name).filter(|value| !value.is_empty());
                let Some(value) = value else {
                    let expected = "} is not set: expected a variable of the environment";
                    return Err(field.remark(&["${", name, expected]));
                };
                resolved.push_str(&value);
                context.resolved.borrow_mut().push(Secret::new(value));
                rest = after;
            }
        }
        if resolved.len() > CONFIG_VALUE_BYTES {
            break;
        }
    }
    resolved.push_str(rest);
    bounded(field, resolved)
}

fn bounded(field: Field<'_>, value: String) -> Result<String, Mistake> {
    if value.len() <= CONFIG_VALUE_BYTES {
        return Ok(value);
    }
    let most = itoa::Buffer::new().format(CONFIG_VALUE_BYTES).to_string();
    Err(field.remark(&["too long: expected at most ", &most, " bytes"]))
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
}

/// What stands under `key`, or in the file that `file_key` names; with the field that says so.
pub(super) fn secret<'a>(
    fields: &Fields<'a>,
    key: &str,
    file_key: &str,
    context: &Context<'_>,
) -> Result<Option<(Field<'a>, Secret)>, Mistake> {
    for entries in [fields.own, fields.defaults] {
        let given = |key: &str| entries.iter().find(|entry: &&Entry<'_>| entry.key == key);
        match (given(key), given(file_key)) {
            (None, None) => continue,
            (Some(_), Some(file)) => {
                return Err(remark(file.at, file_key, &["given beside ", key, ": expected one of the two"]));
            }
            _ => {}
        }
        let one = Fields { own: entries, defaults: &[] };
        if let Some(field) = one.get(file_key) {
            let path = resolve(field, context)?;
            let value = (context.read)(&path).map_err(|reason| field.remark(&[&reason]))?;
            let value = value.strip_suffix('\n').unwrap_or(&value);
            let value = bounded(field, value.strip_suffix('\r').unwrap_or(value).into())?;
            if value.is_empty() {
                return Err(field.remark(&["the file is empty: expected a value in it"]));
            }
            let value = Secret::new(value);
            context.resolved.borrow_mut().push(value.clone());
            return Ok(Some((field, value)));
        }
        let Some(field) = one.get_original(key) else { return Ok(None) };
        return Ok(Some((field, Secret::new(resolve(field, context)?))));
    }
    Ok(None)
}
