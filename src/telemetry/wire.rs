//! As much of protobuf's encoding as it takes to write what was never a message in memory.

/// Wire type LEN, in the low bits of a tag; the others are written out where they are used.
const LEN: u8 = 2;

/// Bytes of a number as a varint.
pub(super) fn varint_len(value: usize) -> usize {
    (usize::BITS - (value | 1).leading_zeros()).div_ceil(7) as usize
}

/// Bytes of a field of type LEN whose number is below 16.
pub(super) fn field_len(bytes: usize) -> usize {
    1 + varint_len(bytes) + bytes
}

pub(super) fn push_varint(mut value: usize, to: &mut Vec<u8>) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

/// Begins a field of so many bytes, which are to follow.
pub(super) fn begin_field(number: u8, bytes: usize, to: &mut Vec<u8>) {
    to.push(number << 3 | LEN);
    push_varint(bytes, to);
}

/// A text or message; an empty one is written too.
pub(super) fn push_field(number: u8, bytes: &[u8], to: &mut Vec<u8>) {
    begin_field(number, bytes.len(), to);
    to.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_takes_as_many_bytes_as_it_is_said_to() {
        for shift in 0..usize::BITS {
            for value in [(1 << shift) - 1, 1 << shift] {
                let mut bytes = Vec::new();
                push_varint(value, &mut bytes);
                assert_eq!(bytes.len(), varint_len(value), "{value}");
                assert_eq!(prost::decode_length_delimiter(&bytes[..]).unwrap(), value);
            }
        }
    }

    #[test]
    fn a_field_is_as_long_as_it_is_said_to_be() {
        for bytes in [0, 1, 127, 128, 20_000] {
            let mut field = Vec::new();
            push_field(15, &vec![7; bytes], &mut field);
            assert_eq!((field.len(), field[0]), (field_len(bytes), 0x7a));
        }
    }
}
