//! The tokens of an image, by its size in tiles.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

/// Tokens of an image with the detail `low`, and of any other beside its tiles.
const BASE: u64 = 85;
/// Tokens of a tile of 512 by 512 pixels.
const TILE: u64 = 170;

/// The tokens of an image part. One that is not in the request counts as 1024 by 1024.
pub(crate) fn image_tokens(url: &str, detail: Option<&str>) -> u64 {
    if detail == Some("low") {
        return BASE;
    }
    let data = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    // The size is near the start in every format.
    let head = data.map(|(_, data)| data.get(..data.len().min(8192) / 4 * 4).unwrap_or(data));
    let bytes = head.and_then(|head| STANDARD.decode(head).or_else(|_| STANDARD_NO_PAD.decode(head)).ok());
    let (width, height) = bytes.and_then(|bytes| size(&bytes)).unwrap_or((1024, 1024));
    BASE + TILE * tiles(width, height)
}

/// The tiles of an image that is scaled to fit 2048 by 2048, and then to 768 on its shorter side.
fn tiles(width: u32, height: u32) -> u64 {
    let (width, height) = (f64::from(width.max(1)), f64::from(height.max(1)));
    let fit = (2048.0 / width.max(height)).min(1.0);
    let (width, height) = (width * fit, height * fit);
    let shrink = (768.0 / width.min(height)).min(1.0);
    let (width, height) = (width * shrink, height * shrink);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 4 by 4 tiles")]
    let count = |side: f64| (side / 512.0).ceil() as u64;
    count(width) * count(height)
}

/// Width and height of a PNG, GIF, JPEG or WebP.
fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    let big = |at: usize| Some(u32::from(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
    let little = |at: usize| Some(u32::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
    if bytes.starts_with(b"\x89PNG") {
        let word = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        return Some((word(16)?, word(20)?));
    }
    if bytes.starts_with(b"GIF8") {
        return Some((little(6)?, little(8)?));
    }
    if bytes.starts_with(b"RIFF") && bytes.get(12..16) == Some(b"VP8 ") {
        return Some((little(26)? & 0x3fff, little(28)? & 0x3fff));
    }
    if !bytes.starts_with(&[0xff, 0xd8]) {
        return None;
    }
    let mut at = 2;
    while let [0xff, marker] = *bytes.get(at..at + 2)? {
        if matches!(marker, 0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf) {
            return Some((big(at + 7)?, big(at + 5)?));
        }
        at += 2 + usize::try_from(big(at + 2)?).ok()?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_those_of_the_documentation() {
        assert_eq!(BASE + TILE * tiles(1024, 1024), 765);
        assert_eq!(BASE + TILE * tiles(2048, 4096), 1105);
        assert_eq!(image_tokens("https://contoso.com/a.png", Some("low")), 85);
    }

    #[test]
    fn the_size_is_read_from_the_image() {
        let png = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
        assert_eq!(image_tokens(png, None), 255);
        assert_eq!(image_tokens("data:image/png;base64,AA==", Some("high")), 765);
    }
}
