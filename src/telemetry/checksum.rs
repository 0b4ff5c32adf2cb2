//! CRC-32C (RFC 3720 appendix B.4), which finds what a power cut has left of a write, and the CRC-32 of gzip (RFC 1952
//! section 8). Of our own: crates for it bring tables of 1 to 16 KB or unsafe code for processors that a Pi is not. Half a byte at a time takes 64 bytes of table, and
//! 64 KB of spool are about 2 ms on the first Pi.

/// Castagnoli's polynomial and that of Ethernet, bits reversed.
const CASTAGNOLI: [u32; 16] = table(0x82f6_3b78);
const ETHERNET: [u32; 16] = table(0xedb8_8320);

const fn table(polynomial: u32) -> [u32; 16] {
    let mut table = [0; 16];
    let mut place = 0;
    while place < 16 {
        let (mut value, mut bit) = (place as u32, 0);
        while bit < 4 {
            value = (value >> 1) ^ (polynomial * (value & 1));
            bit += 1;
        }
        table[place] = value;
        place += 1;
    }
    table
}

/// The CRC-32C of what `before` is the sum of, followed by `bytes`. It begins with 0.
pub(super) fn crc32c(before: u32, bytes: &[u8]) -> u32 {
    sum(&CASTAGNOLI, before, bytes)
}

/// As [`crc32c`], with the polynomial of gzip.
pub(super) fn crc32(before: u32, bytes: &[u8]) -> u32 {
    sum(&ETHERNET, before, bytes)
}

fn sum(table: &[u32; 16], before: u32, bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!before, |sum, byte| {
        let sum = sum ^ u32::from(*byte);
        let sum = (sum >> 4) ^ table[(sum & 15) as usize];
        (sum >> 4) ^ table[(sum & 15) as usize]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_those_of_the_rfc() {
        let up: Vec<u8> = (0..32).collect();
        let down: Vec<u8> = (0..32).rev().collect();
        let cases: [(&[u8], u32); 5] =
            [(&[0; 32], 0x8a91_36aa), (&[0xff; 32], 0x62a8_ab43), (&up, 0x46dd_794e), (&down, 0x113f_db5c), (b"", 0)];
        for (bytes, sum) in cases {
            assert_eq!(crc32c(0, bytes), sum);
        }
        assert_eq!(crc32c(0, b"123456789"), 0xe306_9283);
        // The check value of CRC-32 in every catalogue of them.
        assert_eq!(crc32(0, b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_sum_may_be_made_in_pieces() {
        let text = b"what a power cut has left";
        for cut in 0..=text.len() {
            assert_eq!(crc32c(crc32c(0, &text[..cut]), &text[cut..]), crc32c(0, text), "{cut}");
        }
    }

    #[test]
    fn a_bit_that_has_changed_is_found() {
        let text: Vec<u8> = (0..200).collect();
        for bit in 0..text.len() * 8 {
            let mut changed = text.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(crc32c(0, &changed), crc32c(0, &text), "{bit}");
        }
    }
}
