//! The name that the host gives itself.

use crate::limits::NODE_NAME_BYTES;

/// The host's name (uname(2)), if it has been given one: the kernel starts with `(none)`.
pub fn host_name() -> Option<heapless::String<NODE_NAME_BYTES>> {
    name(rustix::system::uname().nodename().to_bytes())
}

fn name(bytes: &[u8]) -> Option<heapless::String<NODE_NAME_BYTES>> {
    let name = str::from_utf8(bytes).ok()?.trim();
    if matches!(name, "" | "(none)") {
        return None;
    }
    name.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_without_a_name_says_nothing() {
        assert_eq!(name(b"(none)"), None);
        assert_eq!(name(b""), None);
        assert_eq!(name(b"\xff\xfe"), None);
    }

    #[test]
    fn the_longest_name_fits() {
        assert_eq!(name(&[b'a'; 64]).map(|name| name.len()), Some(64));
        assert_eq!(name(b"pi4").as_deref(), Some("pi4"));
    }
}
