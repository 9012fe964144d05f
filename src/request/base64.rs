//! Bytes as text: base64 and `data:` URLs.
//!
//! Written here because it is one short loop, and a crate for it would be the only one of this build
//! that the types alone need no more than this of.

const ALPHABET: [u8; 64] = *b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Standard base64 with padding, RFC 4648 §4.
pub(super) fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3).saturating_mul(4));
    append_base64(&mut text, bytes);
    text
}

/// `data:{media_type};base64,{bytes}`, RFC 2397.
pub(super) fn data_url(media_type: &str, bytes: &[u8]) -> String {
    let length = bytes.len().div_ceil(3).saturating_mul(4).saturating_add(media_type.len() + 13);
    let mut text = String::with_capacity(length);
    text.push_str("data:");
    text.push_str(media_type);
    text.push_str(";base64,");
    append_base64(&mut text, bytes);
    text
}

fn append_base64(text: &mut String, bytes: &[u8]) {
    let digit = |bits: u32| char::from(ALPHABET.get(bits as usize & 63).copied().unwrap_or(b'='));
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        text.push(digit(bits >> 18));
        text.push(digit(bits >> 12));
        text.push(if group.len() > 1 { digit(bits >> 6) } else { '=' });
        text.push(if group.len() > 2 { digit(bits) } else { '=' });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_rfc_hold() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }

    #[test]
    fn a_data_url_fits_its_allocation() {
        let url = data_url("image/png", &[0; 100]);
        assert!(url.starts_with("data:image/png;base64,AAAA"));
        assert_eq!(url.len(), url.capacity());
    }
}
