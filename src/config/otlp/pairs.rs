//! `key1=value1,key2=value2`: header fields and resource attributes.

use alloc::string::String;
use alloc::vec::Vec;

/// The pairs of a list, percent-decoded; of a key that comes twice, the last value. `None` where the text is no such list.
///
/// W3C Baggage section 3.2.1 without its properties. More is taken than its grammar allows: any character that does not
/// end a value, so that `Authorization=Basic YWxpY2U6c2VjcmV0` is understood as it is meant. `+` stays what it is.
pub(super) fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    for member in text.split(',').map(str::trim).filter(|member| !member.is_empty()) {
        let (key, value) = member.split_once('=')?;
        let key = decoded(key.trim_end()).filter(|key| !key.is_empty())?;
        put(&mut pairs, key, decoded(value.trim_start())?);
    }
    Some(pairs)
}

/// Sets `key`, in the place where it already is.
pub(super) fn put<T>(pairs: &mut Vec<(String, T)>, key: String, value: T) {
    match pairs.iter_mut().find(|(known, _)| *known == key) {
        Some((_, old)) => *old = value,
        None => pairs.push((key, value)),
    }
}

/// RFC 3986 section 2.1; `None` where what follows a `%` is not two hexadecimal digits, or UTF-8 is not what comes of it.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut digit = || char::from(rest.next()?).to_digit(16);
        bytes.push(if byte == b'%' { (digit()? * 16 + digit()?) as u8 } else { byte });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str) -> Option<Vec<String>> {
        Some(pairs(text)?.into_iter().map(|(key, value)| [&*key, "=", &*value].concat()).collect())
    }

    #[test]
    fn a_list_is_taken_apart_at_commas_and_first_equals_signs() {
        for (text, expected) in [
            ("a=1,b=2", &["a=1", "b=2"][..]),
            (" a = 1 ,\tb=2 , ", &["a=1", "b=2"]),
            ("a=", &["a="]),
            ("", &[]),
            (",,", &[]),
            ("token=YWxpY2U6c2VjcmV0MQ==,b=x=y", &["token=YWxpY2U6c2VjcmV0MQ==", "b=x=y"]),
            ("a=Basic YQ==", &["a=Basic YQ=="]),
        ] {
            assert_eq!(listed(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_percent_encoded_is_decoded_and_a_plus_is_a_plus() {
        assert_eq!(
            listed("a=Basic%20YQ%3D%3D,b=1%2C2,k%3Dk=k%C3%BCche,c=x+y").unwrap(),
            ["a=Basic YQ==", "b=1,2", "k=k=küche", "c=x+y"]
        );
    }

    #[test]
    fn of_a_key_that_comes_twice_the_last_value_counts_in_the_first_place() {
        assert_eq!(listed("a=1,b=2,a=3").unwrap(), ["a=3", "b=2"]);
    }

    #[test]
    fn what_is_no_list_is_refused_as_a_whole() {
        for text in ["a", "a=1,b", "=1", "a=1,=2", "a=%", "a=%4", "a=%zz", "a=%+1", "a=%ff", "a=%C3", "%C3=%BC"] {
            assert_eq!(pairs(text), None, "{text}");
        }
    }
}
