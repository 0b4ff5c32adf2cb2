//! What of an X.509 certificate (RFC 5280 section 4.1) is looked at here: who it is of, who has signed it, from when and
//! until when it is valid. Whether that signature is good is the business of others.

/// The parts of a certificate, as they stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Certificate<'a> {
    /// What is inside the issuer's name.
    pub(super) issuer: &'a [u8],
    /// What is inside the subject's name.
    pub(super) subject: &'a [u8],
    /// Seconds since 1970; before, it is 1970.
    pub(super) not_before: u64,
    /// Seconds since 1970; before, it is 1970.
    pub(super) not_after: u64,
}

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// `[0]`, which holds the version.
const VERSION: u8 = 0xa0;

impl<'a> Certificate<'a> {
    /// `None` where that is no certificate.
    pub(super) fn parse(der: &'a [u8]) -> Option<Self> {
        let mut outer = Der(der);
        let mut certificate = Der(outer.expect(SEQUENCE)?);
        let mut fields = Der(certificate.expect(SEQUENCE)?);
        let (tag, _) = fields.next()?;
        if tag == VERSION {
            fields.expect(INTEGER)?;
        }
        // The serial number is behind; the algorithm of the signature follows.
        fields.expect(SEQUENCE)?;
        let issuer = fields.expect(SEQUENCE)?;
        let mut validity = Der(fields.expect(SEQUENCE)?);
        let (not_before, not_after) = (time(validity.next()?)?, time(validity.next()?)?);
        let subject = fields.expect(SEQUENCE)?;
        Some(Certificate { issuer, subject, not_before, not_after })
    }
}

/// Values of ASN.1 in their Distinguished Encoding (ITU-T X.690), one behind the other.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next tag and what is inside.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&length, rest) = rest.split_first()?;
        let (length, rest) = match length {
            0..=0x7f => (usize::from(length), rest),
            // The length itself has one to four bytes: no certificate is larger.
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
                (bytes.iter().try_fold(0usize, |sum, &byte| sum.checked_mul(256)?.checked_add(byte.into()))?, rest)
            }
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, value))
    }

    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, value)| value)
    }
}

/// `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ` (RFC 5280 section 4.1.2.5) in seconds since 1970.
fn time((tag, text): (u8, &[u8])) -> Option<u64> {
    let digits = text.strip_suffix(b"Z")?;
    let pair = |at: usize| match digits.get(at..at + 2)? {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => Some(u64::from(tens - b'0') * 10 + u64::from(ones - b'0')),
        _ => None,
    };
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => (pair(0).map(|year| if year < 50 { 2000 + year } else { 1900 + year })?, 2),
        (GENERALIZED_TIME, 14) => (pair(0)? * 100 + pair(2)?, 4),
        _ => return None,
    };
    let (month, day) = (pair(rest)?, pair(rest + 2)?);
    let (hour, minute, second) = (pair(rest + 4)?, pair(rest + 6)?, pair(rest + 8)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let secs = days(year, month, day).checked_mul(86_400)?.checked_add(hour * 3600 + minute * 60 + second)?;
    Some(secs)
}

/// Days from 1970-01-01 to a date; 0 for one before. Years begin in March, so that the leap day is the last.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.saturating_sub(1), month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    days.saturating_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

    fn made(from: (i32, u8, u8), to: (i32, u8, u8)) -> Vec<u8> {
        let mut params = CertificateParams::new(["example.org".into()]).unwrap();
        params.not_before = date_time_ymd(from.0, from.1, from.2);
        params.not_after = date_time_ymd(to.0, to.1, to.2);
        params.distinguished_name.push(DnType::CommonName, "example.org");
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn the_dates_and_names_of_a_certificate_are_read() {
        let der = made((2024, 2, 29), (2050, 1, 1));
        let read = Certificate::parse(&der).unwrap();
        assert_eq!((read.not_before, read.not_after), (1_709_164_800, 2_524_608_000));
        assert_eq!(read.issuer, read.subject);
        assert!(read.subject.ends_with(b"example.org"));
        let der = made((1975, 1, 1), (2049, 12, 31));
        let read = Certificate::parse(&der).unwrap();
        assert_eq!((read.not_before, read.not_after), (157_766_400, 2_524_521_600));
    }

    #[test]
    fn a_certificate_that_is_cut_anywhere_before_its_subject_is_none() {
        let der = made((2024, 1, 1), (2025, 1, 1));
        for cut in 0..der.len() {
            assert_eq!(Certificate::parse(&der[..cut]), None, "at {cut}");
        }
    }

    #[test]
    fn a_certificate_with_any_one_byte_changed_is_read_or_refused() {
        let mut der = made((2024, 1, 1), (2025, 1, 1));
        for at in 0..der.len() {
            for value in [0, 1, 0x7f, 0x80, 0x84, 0x85, 0xff] {
                let kept = std::mem::replace(&mut der[at], value);
                let _ = Certificate::parse(&der);
                der[at] = kept;
            }
        }
        assert!(Certificate::parse(&der).is_some());
    }

    #[test]
    fn both_forms_of_time_are_read_and_others_are_not() {
        assert_eq!(time((UTC_TIME, b"700101000001Z")), Some(1));
        assert_eq!(time((UTC_TIME, b"491231235959Z")), Some(2_524_607_999));
        assert_eq!(time((UTC_TIME, b"500101000000Z")), Some(0));
        assert_eq!(time((GENERALIZED_TIME, b"20000229120000Z")), Some(951_825_600));
        assert_eq!(time((GENERALIZED_TIME, b"99991231235959Z")), Some(253_402_300_799));
        assert_eq!(time((GENERALIZED_TIME, b"00000101000000Z")), Some(0));
        for (tag, text) in [
            (UTC_TIME, &b"7001010000Z"[..]),
            (UTC_TIME, b"700101000001"),
            (UTC_TIME, b"20000229120000Z"),
            (GENERALIZED_TIME, b"700101000001Z"),
            (GENERALIZED_TIME, b"20001329120000Z"),
            (GENERALIZED_TIME, b"20001200120000Z"),
            (GENERALIZED_TIME, b"2000122912000xZ"),
            (GENERALIZED_TIME, b"20001229246000Z"),
            (INTEGER, b"20000229120000Z"),
        ] {
            assert_eq!(time((tag, text)), None, "{}", String::from_utf8_lossy(text));
        }
    }
}
