//! The original's variables, `OTEL_COLLECTOR_*`: one collector for all signals, and the authorization it asks for.

use alloc::string::String;

use crate::config::ConfigError;
use crate::config::basic_auth::credentials;
use crate::config::chat::{is_given, set_switch};
use crate::config::monitors::{MASK, Secret};
use crate::config::otlp::reader::{Reader, error};

pub(super) const ENDPOINT: &str = "OTEL_COLLECTOR_ENDPOINT";
const TLS_CHECK: &str = "OTEL_COLLECTOR_TLS_CHECK";
const USERNAME: &str = "OTEL_COLLECTOR_USERNAME";
const USERNAME_FILE: &str = "OTEL_COLLECTOR_USERNAME_FILE";
const PASSWORD: &str = "OTEL_COLLECTOR_PASSWORD";
const PASSWORD_FILE: &str = "OTEL_COLLECTOR_PASSWORD_FILE";
const AUTH_HEADER: &str = "OTEL_COLLECTOR_AUTH_HEADER";
const AUTH_HEADER_FILE: &str = "OTEL_COLLECTOR_AUTH_HEADER_FILE";

/// The original's collector.
pub(super) struct Collector {
    pub(super) endpoint: String,
    /// TLS, whatever the scheme. The original's `OTEL_COLLECTOR_TLS_CHECK=true` means that; `false` is plain, and does not
    /// switch off the check of a certificate.
    pub(super) tls: bool,
    /// The field `authorization`, and the variable that it came from.
    pub(super) authorization: Option<(&'static str, Secret)>,
}

impl Collector {
    /// `None` where there is no such endpoint. `changeit`, `null` and the like count as unset in all of these variables.
    pub(super) fn from_environment(reader: &mut Reader<'_>) -> Result<Option<Self>, ConfigError> {
        let Some(endpoint) = given(reader, ENDPOINT) else { return Ok(None) };
        let mut tls = false;
        if let Some(value) = given(reader, TLS_CHECK)
            && !set_switch(&mut tls, &value)
        {
            return Err(error(TLS_CHECK, &value, ("is neither yes nor no", "yes, no, true or false")));
        }
        let says_no = !tls && reader.value(TLS_CHECK).is_some_and(|value| !value.contains("changeit"));
        if says_no && endpoint.starts_with("https:") {
            reader.warn(&[
                TLS_CHECK,
                " does not switch off TLS: ",
                ENDPOINT,
                " says https, so certificates are checked",
            ]);
        }
        let authorization = authorization(reader)?;
        Ok(Some(Collector { endpoint, tls, authorization }))
    }
}

/// Says which credentials go nowhere, the original's endpoint being used for nothing.
pub(super) fn warn_of_credentials(reader: &mut Reader<'_>) {
    for name in [USERNAME, USERNAME_FILE, PASSWORD, PASSWORD_FILE, AUTH_HEADER, AUTH_HEADER_FILE] {
        if given(reader, name).is_some() {
            reader.warn(&[name, " is not used: it belongs to ", ENDPOINT]);
        }
    }
}

/// What the original takes for a value.
pub(super) fn given(reader: &Reader<'_>, name: &str) -> Option<String> {
    reader.value(name).filter(|value| is_given(value))
}

/// User and password come before a whole field, as in the original.
fn authorization(reader: &mut Reader<'_>) -> Result<Option<(&'static str, Secret)>, ConfigError> {
    let user = reader.secret(USERNAME, USERNAME_FILE, is_given)?;
    let password = reader.secret(PASSWORD, PASSWORD_FILE, is_given)?;
    let whole = reader.secret(AUTH_HEADER, AUTH_HEADER_FILE, is_given)?;
    let missing = match (&user, &password) {
        (Some((_, user)), Some((variable, password))) => {
            if let Some((whole, _)) = whole {
                reader.warn(&[whole, " is not used: ", USERNAME, " and ", PASSWORD, " are"]);
            }
            return Ok(Some((*variable, basic(user, password))));
        }
        (Some((given, _)), None) => Some((given, PASSWORD)),
        (None, Some((given, _))) => Some((given, USERNAME)),
        (None, None) => None,
    };
    if let Some((given, missing)) = missing {
        reader.warn(&[given, " is not used: expected ", missing, " beside it"]);
    }
    match whole {
        Some((variable, text)) if !is_field_value(&text) => {
            Err(error(variable, MASK, ("is not the value of a header field", "visible ASCII characters and spaces")))
        }
        whole => Ok(whole.map(|(variable, text)| (variable, Secret::new(text)))),
    }
}

/// Basic authentication (RFC 7617).
pub(super) fn basic(user: &str, password: &str) -> Secret {
    Secret::new(["Basic ", &credentials(user, password)].concat())
}

/// What both transports take: gRPC has no more than printable ASCII (gRPC over HTTP2, "ASCII-Value").
pub(super) fn is_field_value(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}
