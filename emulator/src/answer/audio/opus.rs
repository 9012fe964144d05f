//! Opus files in Ogg (RFC 7845): silence of any duration.

use super::crc;

/// The clock of Opus, in samples a second.
pub(super) const RATE: u32 = 48_000;

/// A packet of 20 ms, one channel: CELT's frame of silence.
const SILENT: [u8; 3] = [0xf8, 0xff, 0xfe];
const PACKET_SAMPLES: u64 = 960;

/// A page has at most 255 segments; a packet of silence is one.
const MOST_PACKETS: u64 = 255;

const FIRST_PAGE: u8 = 2;
const LAST_PAGE: u8 = 4;

/// The file of so many samples.
pub(super) fn silence(samples: u64) -> Vec<u8> {
    // Version, channels, samples to skip, rate of the original, gain, channel mapping.
    let head = [b"OpusHead".as_slice(), &[1, 1, 0, 0], &24_000_u32.to_le_bytes(), &[0, 0, 0]].concat();
    // The vendor and its length, and no comments.
    let tags = [b"OpusTags".as_slice(), &8_u32.to_le_bytes(), b"emulator", &[0; 4]].concat();
    let mut file = page(FIRST_PAGE, 0, 0, &[&head]);
    file.extend(page(0, 0, 1, &[&tags]));
    let packets = samples.div_ceil(PACKET_SAMPLES).max(1);
    let mut sent = 0;
    for number in 2.. {
        let count = (packets - sent).min(MOST_PACKETS);
        sent += count;
        let flags = if sent == packets { LAST_PAGE } else { 0 };
        let end = (sent * PACKET_SAMPLES).min(samples);
        let packets_of_page = vec![SILENT.as_slice(); usize::try_from(count).unwrap_or(0)];
        file.extend(page(flags, end, number, &packets_of_page));
        if sent == packets {
            break;
        }
    }
    file
}

/// A page of whole packets, each shorter than 255 bytes. `end` is the number of samples up to its end.
fn page(flags: u8, end: u64, number: u32, packets: &[&[u8]]) -> Vec<u8> {
    let mut page = [b"OggS\0".as_slice(), &[flags], &end.to_le_bytes(), &1_u32.to_le_bytes()].concat();
    page.extend_from_slice(&number.to_le_bytes());
    let crc_at = page.len();
    page.extend_from_slice(&[0; 4]);
    let length = |length: usize| u8::try_from(length).unwrap_or(u8::MAX);
    page.push(length(packets.len()));
    page.extend(packets.iter().map(|packet| length(packet.len())));
    page.extend(packets.concat());
    // over the page with zeros in place of the check
    let crc = crc(&page, 32, 0x04c1_1db7);
    page.splice(crc_at..crc_at + 4, crc.into_iter().rev());
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_and_end_with_the_duration() {
        let file = silence(6 * 48_000 + 1);
        let starts: Vec<usize> = (0..file.len()).filter(|at| file[*at..].starts_with(b"OggS")).collect();
        let pages: Vec<(u8, u64, u8)> = starts
            .iter()
            .map(|at| (file[at + 5], u64::from_le_bytes(file[at + 6..at + 14].try_into().unwrap()), file[at + 26]))
            .collect();
        assert_eq!(pages, [(2, 0, 1), (0, 0, 1), (0, 255 * 960, 255), (4, 6 * 48_000 + 1, 46)]);
    }
}
