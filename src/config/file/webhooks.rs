//! `webhook` and `webhooks`: URLs that are told of changes.

use alloc::vec::Vec;

use crate::config::file::Context;
use crate::config::file::fields::{Field, Fields, remark};
use crate::config::file::headers::headers;
use crate::config::file::http::tls;
use crate::config::file::references::{resolve, secret};
use crate::config::file::urls::http_url;
use crate::config::monitors::{Secret, Tls, Webhook};
use crate::config::template::placeholders_are_known;
use crate::config::yaml::{Mistake, Value};
use crate::limits::WEBHOOKS;

const KEYS: [&str; 8] =
    ["url", "url_file", "headers", "template", "check_tls", "ca_file", "client_cert_file", "client_key_file"];

/// A URL, a mapping of [`KEYS`], or a list of such.
pub(super) fn webhooks(
    field: Field<'_>,
    context: &Context<'_>,
    warnings: &mut Vec<Mistake>,
    webhooks: &mut Vec<Webhook>,
) -> Result<(), Mistake> {
    for item in field.items() {
        if webhooks.len() == WEBHOOKS {
            let mut buffer = itoa::Buffer::new();
            return Err(remark(item.at, field.key, &["too many: expected at most ", buffer.format(WEBHOOKS)]));
        }
        let one = Field { key: field.key, node: item };
        webhooks.push(if let Value::Mapping(_) = item.value {
            let fields = Fields::of(field.key, item, &KEYS)?;
            let Some((given, url)) = secret(&fields, "url", "url_file", context)? else {
                return Err(one.remark(&["without a url: expected one"]));
            };
            let template = fields.get("template").map(|field| template(field, context)).transpose()?;
            Webhook {
                url: checked(given, url.reveal())?,
                headers: headers(&fields, context, warnings)?,
                template,
                tls: tls(&fields, context)?,
            }
        } else {
            let url = checked(one, &resolve(one, context)?)?;
            Webhook { url, headers: Vec::new(), template: None, tls: Tls { check: true, ca_file: None, client: None } }
        });
    }
    Ok(())
}

/// `${NAME}` is replaced, as some services want their key in the body; `{{text}}` and the like are looked at here.
fn template(field: Field<'_>, context: &Context<'_>) -> Result<Secret, Mistake> {
    placeholders_are_known(field.text()?).map_err(|problem| field.remark(&[&problem]))?;
    Ok(Secret::new(resolve(field, context)?))
}

/// The URL of a webhook is a secret as a whole, so no message shows it.
fn checked(field: Field<'_>, url: &str) -> Result<Secret, Mistake> {
    match http_url(url) {
        Some(url) if url.user.is_none() => Ok(Secret::new(url.url)),
        Some(_) => Err(field.remark(&["a user in the URL: expected a header Authorization for it"])),
        None => Err(field.remark(&["not a URL: expected http://host or https://host"])),
    }
}
