//! The correlation id of a request whose client gives none.

use crate::limits::CID_BYTES;

/// A UUID of version 4 (RFC 9562 section 5.4). It tells requests apart and guards nothing, so it need not be secret.
pub fn fresh_cid() -> heapless::String<CID_BYTES> {
    let mut bytes = [0u8; 16];
    bytes[..8].copy_from_slice(&fastrand::u64(..).to_ne_bytes());
    bytes[8..].copy_from_slice(&fastrand::u64(..).to_ne_bytes());
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut cid = heapless::String::new();
    for (at, byte) in bytes.into_iter().enumerate() {
        // 36 characters fit into 64.
        if matches!(at, 4 | 6 | 8 | 10) {
            let _ = cid.push('-');
        }
        for digit in [byte >> 4, byte & 0xf] {
            let _ = cid.push(b"0123456789abcdef"[usize::from(digit)] as char);
        }
    }
    cid
}

const _: () = assert!(CID_BYTES >= 36);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_cid_is_a_uuid_of_version_4() {
        for _ in 0..1000 {
            let cid = fresh_cid();
            assert_eq!(cid.len(), 36);
            for (at, digit) in cid.chars().enumerate() {
                match at {
                    8 | 13 | 18 | 23 => assert_eq!(digit, '-'),
                    14 => assert_eq!(digit, '4'),
                    19 => assert!("89ab".contains(digit)),
                    _ => assert!("0123456789abcdef".contains(digit)),
                }
            }
        }
        assert_ne!(fresh_cid(), fresh_cid());
    }
}
