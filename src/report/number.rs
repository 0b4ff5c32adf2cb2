//! Numbers as text, to the digit as Python and psutil print them, without the float formatting of `core::fmt`: it would
//! add 20 KB to the binary, and the two crates used here are in it already, for miniserde.

use alloc::string::String;

/// A gibibyte, the unit of disk figures.
const GIB: f64 = 1_073_741_824.0;

pub(super) fn push_integer(text: &mut String, value: u64) {
    text.push_str(itoa::Buffer::new().format(value));
}

/// As Python's `repr`: the shortest digits that give the same value, and an exponent of at least two digits below
/// 0.0001 and from 1e16 on.
pub(super) fn push_float(text: &mut String, value: f64) {
    let mut buffer = zmij::Buffer::new();
    let printed = buffer.format(value);
    if value.is_nan() || value.abs() >= 1e-4 || value == 0.0 {
        return text.push_str(printed);
    }
    // What is left are forms such as 0.00001234, where Python has 1.234e-05 already, and 1.2e-7 for its 1.2e-07.
    let (sign, printed) = printed.strip_prefix('-').map_or(("", printed), |digits| ("-", digits));
    text.push_str(sign);
    let (digits, exponent) = match printed.strip_prefix("0.0000") {
        Some(digits) => (digits, "5"),
        None => printed.split_once("e-").unwrap_or((printed, "0")),
    };
    let (first, others) = digits.split_at(1);
    let others = others.trim_start_matches('.');
    text.push_str(first);
    if !others.is_empty() {
        text.push('.');
        text.push_str(others);
    }
    text.push_str(if exponent.len() < 2 { "e-0" } else { "e-" });
    text.push_str(exponent);
}

/// Seconds from clock ticks, in decimal and exact to the nanosecond: a series of counters must never step back by a
/// rounding.
pub(super) fn push_seconds(text: &mut String, ticks: u64, ticks_per_second: u64) {
    // Up to here ten times a rest of the division fits; no kernel counts more than 1,024 ticks a second.
    let per_second = ticks_per_second.clamp(1, u64::MAX / 10);
    push_integer(text, ticks / per_second);
    let mut rest = ticks % per_second;
    if rest > 0 {
        text.push('.');
    }
    for _ in 0..9 {
        if rest == 0 {
            break;
        }
        rest *= 10;
        text.push(char::from(b'0' + (rest / per_second) as u8));
        rest %= per_second;
    }
}

/// Seconds from clock ticks, as psutil has them.
pub(crate) fn seconds(ticks: u64, ticks_per_second: u64) -> f64 {
    ticks as f64 / ticks_per_second.max(1) as f64
}

pub(crate) fn gib(bytes: u64) -> f64 {
    bytes as f64 / GIB
}

/// Percent, unrounded; nothing of nothing is 0.
pub(crate) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 * 100.0 }
}

/// Thousandths from percent, rounded as Python's `round(percent, 1)`: ties of the exact binary value go to the even
/// digit.
pub(super) fn permille(percent: f64) -> u64 {
    let bits = percent.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i32 - 1075;
    let mantissa = bits & ((1 << 52) - 1) | 1 << 52;
    match exponent {
        // Ten times the mantissa is less than 2^57: this rounds to nothing.
        ..-63 => 0,
        -63..0 => half_even(mantissa * 10, -exponent as u32),
        // Beyond 2^52 there is nothing to round.
        _ => (percent * 10.0) as u64,
    }
}

/// Percent with one decimal from thousandths.
pub(crate) fn from_permille(permille: u64) -> f64 {
    permille as f64 / 10.0
}

/// As psutil's `bytes2human`: `1.9G`, `959.0M`, `0.0B`.
pub(super) fn human(bytes: u64) -> String {
    // psutil divides a float: beyond 2^53 bytes its digits are those of the nearest one.
    let bytes = (bytes as f64) as u64;
    let mut unit = 0;
    while unit < 6 && bytes >> (10 * (unit + 1)) > 0 {
        unit += 1;
    }
    // Ten exbibytes do not fit, but from 2^60 on a float is a multiple of 256.
    let spare = if unit == 6 { 8 } else { 0 };
    let tenths = half_even((bytes >> spare) * 10, 10 * unit - spare);
    let mut text = String::with_capacity(8);
    push_integer(&mut text, tenths / 10);
    text.push('.');
    push_integer(&mut text, tenths % 10);
    text.push(char::from(b"BKMGTPE"[unit as usize]));
    text
}

/// `value / 2^shift`, a tie going to the even number.
fn half_even(value: u64, shift: u32) -> u64 {
    if shift == 0 {
        return value;
    }
    let (whole, rest, half) = (value >> shift, value & ((1 << shift) - 1), 1 << (shift - 1));
    let up = rest > half || (rest == half && whole & 1 == 1);
    whole + u64::from(up)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(value: f64) -> String {
        let mut text = String::new();
        push_float(&mut text, value);
        text
    }

    #[test]
    fn floats_read_as_python_prints_them() {
        let recorded = [
            (7.0, "7.0"),
            (0.0, "0.0"),
            (102.11687469482422, "102.11687469482422"),
            (4.215280964715094, "4.215280964715094"),
            (0.0001, "0.0001"),
            (0.00012345, "0.00012345"),
            (0.00001, "1e-05"),
            (5.841255187988281e-05, "5.841255187988281e-05"),
            (1.2e-7, "1.2e-07"),
            (-1.5e-9, "-1.5e-09"),
            (1e-10, "1e-10"),
            (5e-324, "5e-324"),
            (-0.5, "-0.5"),
            (9999999999999998.0, "9999999999999998.0"),
            (1e16, "1e+16"),
            (1.8446744073709552e17, "1.8446744073709552e+17"),
            (f64::MAX, "1.7976931348623157e+308"),
        ];
        for (value, text) in recorded {
            assert_eq!(float(value), text);
        }
    }

    #[test]
    fn floats_have_the_shortest_digits_that_give_the_same_value() {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let value = f64::from_bits(state);
            if value.is_finite() {
                let digits = |text: &str| {
                    let mantissa = text.split('e').next().unwrap_or_default();
                    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
                    digits.trim_matches('0').len()
                };
                assert_eq!(float(value).parse(), Ok(value));
                assert_eq!(digits(&float(value)), digits(&alloc::format!("{value:?}")), "{value:?}");
            }
        }
    }

    #[test]
    fn seconds_are_exact() {
        let text = |ticks, per_second| {
            let mut text = String::new();
            push_seconds(&mut text, ticks, per_second);
            text
        };
        assert_eq!(text(1_067_953, 100), "10679.53");
        assert_eq!(text(701, 100), "7.01");
        assert_eq!(text(700, 100), "7");
        assert_eq!(text(730, 100), "7.3");
        assert_eq!(text(0, 100), "0");
        assert_eq!(text(1, 3), "0.333333333");
        assert_eq!(text(u64::MAX, 100), "184467440737095516.15");
        assert_eq!(text(5, 0), "5");
    }

    #[test]
    fn bytes_read_as_psutil_prints_them() {
        let printed_by_psutil = [
            (0, "0.0B"),
            (1023, "1023.0B"),
            (1024, "1.0K"),
            (1_075, "1.0K"),
            (1_076, "1.1K"),
            (1_048_575, "1024.0K"),
            (1_005_584_384, "959.0M"),
            (1_072_693_248, "1023.0M"),
            (25_276_514_304, "23.5G"),
            (1_065_476_096, "1016.1M"),
            (23_863_246_848, "22.2G"),
            // 1.25 and 1.75 exactly: the even digit.
            (1_280, "1.2K"),
            (1_792, "1.8K"),
            ((1 << 50) - 1, "1024.0T"),
            (1 << 60, "1.0E"),
            ((5 << 60) + (1 << 58), "5.2E"),
            (u64::MAX, "16.0E"),
        ];
        for (bytes, text) in printed_by_psutil {
            assert_eq!(human(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn percent_is_rounded_as_python_rounds() {
        assert_eq!(permille(48.154296875), 482);
        // Exact in binary, so a true tie: to the even digit.
        assert_eq!(permille(0.25), 2);
        assert_eq!(permille(0.75), 8);
        // Just below a tie in binary.
        assert_eq!(permille(0.15), 1);
        assert_eq!(permille(0.35), 3);
        assert_eq!(permille(100.0), 1000);
        assert_eq!(permille(1e-300), 0);
        assert_eq!(permille(0.0), 0);
        assert_eq!(percent(1, 0), 0.0);
    }
}
