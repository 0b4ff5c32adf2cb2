//! What a monitor of type `http` asks, and what it expects.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::config::codes::CodePattern;
use crate::config::file::Context;
use crate::config::file::fields::{Field, Fields, truth, whole};
use crate::config::file::given::is_secret;
use crate::config::file::headers::headers;
use crate::config::file::references::{resolve, secret};
use crate::config::file::urls::{http_url, masked};
use crate::config::monitors::{Check, HttpCheck, Secret, Tls};
use crate::config::yaml::Mistake;
use crate::limits::{REDIRECTS, REDIRECTS_MAX};

const METHODS: [&str; 4] = ["GET", "POST", "PUT", "HEAD"];

/// All but the URL: these keys are looked at whatever the type is, so that a mistake in them is found.
pub(super) fn request(
    fields: &Fields<'_>,
    context: &Context<'_>,
    warnings: &mut Vec<Mistake>,
) -> Result<HttpCheck, Mistake> {
    // Those of the monitor before.
    context.resolved.take();
    let username = secret(fields, "username", "username_file", context)?;
    let password = secret(fields, "password", "password_file", context)?;
    let basic_auth = match (username, password) {
        (Some((_, username)), Some((_, password))) => Some((username, password)),
        (Some((field, _)), None) | (None, Some((field, _))) => {
            warnings.push(field.remark(&["not sent: expected both username and password"]));
            None
        }
        (None, None) => None,
    };
    let expected_code = match fields.get_original("expected_http_code") {
        Some(field) => {
            field.parse("is not a list of codes", "digits and *, such as 20* or 200,204,30*", CodePattern::parse)?
        }
        None => CodePattern::default(),
    };
    // Not resolved: the log shows what was expected.
    let expected_contain = fields.get_original("expected_contain").map(|field| field.text()).transpose()?;
    Ok(HttpCheck {
        method: "",
        url: Secret::default(),
        shown_url: String::new(),
        body: secret(fields, "body", "body_file", context)?.map(|(_, body)| body),
        headers: headers(fields, context, warnings)?,
        basic_auth,
        expected_code,
        expected_contain: expected_contain.map(String::from),
        follow_redirects: follow_redirects(fields)?,
        tls: tls(fields, context)?,
        hidden: Vec::new(),
    })
}

fn follow_redirects(fields: &Fields<'_>) -> Result<u8, Mistake> {
    let Some(field) = fields.get("follow_redirects") else { return Ok(REDIRECTS) };
    field.parse("is not a number of redirects", "true, false or a number from 0 to 30", |text| match truth(text) {
        Some(followed) => Some(if followed { REDIRECTS } else { 0 }),
        None => whole(text).and_then(|number| u8::try_from(number).ok()).filter(|number| *number <= REDIRECTS_MAX),
    })
}

const _: () = assert!(REDIRECTS_MAX == 30, "the words above say 30");

/// `check_tls`, `ca_file`, and `client_cert_file` with `client_key_file`.
pub(super) fn tls(fields: &Fields<'_>, context: &Context<'_>) -> Result<Tls, Mistake> {
    let path = |key| fields.get(key).map(|field| path(field, context)).transpose();
    let client = match (path("client_cert_file")?, path("client_key_file")?) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (certificate, _) => {
            let (given, missing) = match certificate {
                Some(_) => ("client_cert_file", "client_key_file"),
                None => ("client_key_file", "client_cert_file"),
            };
            let field = fields.get(given);
            return match field {
                Some(field) => Err(field.remark(&["alone: expected ", missing, " beside it"])),
                None => Ok(Tls { check: true, ca_file: None, client: None }),
            };
        }
    };
    // Unlike in the original, where `false` counts as nothing given.
    let check = match fields.get("check_tls") {
        Some(field) if field.scalar() != Some("") => fields.bool("check_tls", true)?,
        _ => true,
    };
    Ok(Tls { check, ca_file: path("ca_file")?, client })
}

fn path(field: Field<'_>, context: &Context<'_>) -> Result<String, Mistake> {
    let path = resolve(field, context)?;
    if path.is_empty() || path.contains(char::is_control) {
        return Err(field.remark(&["not a path: expected one without control characters"]));
    }
    Ok(path)
}

/// The check, or the words of the original for what it finds missing at every round.
pub(super) fn check(
    fields: &Fields<'_>,
    mut request: HttpCheck,
    context: &Context<'_>,
    warnings: &mut Vec<Mistake>,
) -> Result<Check, Mistake> {
    let url = fields.get_original("url").map(|field| Ok((field, resolve(field, context)?))).transpose()?;
    let Some((field, url)) = url else { return Ok(Check::Never("Missing mandatory url".into())) };
    let method = fields.get_original("method");
    let name = method.map_or(Ok("GET"), |field| field.text())?;
    request.method = match METHODS.into_iter().find(|known| *known == name) {
        Some(known) => known,
        None => {
            if let Some(method) = method {
                warnings.push(method.wrong("is not supported, so every check fails", "GET, POST, PUT or HEAD"));
            }
            return Ok(Check::Never(["Not supported http method: actual = ", name].concat()));
        }
    };
    request.shown_url = masked(field.text()?);
    let Some(url) = http_url(&url) else {
        let expected = "http://host or https://host";
        warnings.push(field.wrong_but(&request.shown_url, "is not a URL of http, so every check fails", expected));
        return Ok(Check::Never(["Incorrect url (expected ", expected, "): actual = ", &request.shown_url].concat()));
    };
    request.url = Secret::new(url.url);
    request.basic_auth = request.basic_auth.or(url.user);
    let password = request.basic_auth.iter().map(|(_, password)| password);
    request.hidden = context.resolved.take();
    request.hidden.extend(password.cloned());
    for (_, value) in request.headers.iter().filter(|(name, _)| is_secret(name)) {
        // Of `Bearer TOKEN` and `session=TOKEN; lang=de`, what is long enough to be one.
        let parts = value.reveal().split([' ', ';', ',', '=', '"']).filter(|part| part.len() >= 8);
        request.hidden.extend(parts.map(|part| Secret::new(part.into())));
        request.hidden.push(value.clone());
    }
    Ok(Check::Http(Box::new(request)))
}
