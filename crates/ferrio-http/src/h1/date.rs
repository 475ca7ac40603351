//! Dates as HTTP writes them (RFC 9110, 5.6.7). Reads no clock: whoever calls has the time.

/// Seconds since 1970 as HTTP writes them.
///
/// ```
/// assert_eq!(&ferrio_http::h1::http_date(784_111_777), b"Sun, 06 Nov 1994 08:49:37 GMT");
/// ```
#[must_use]
pub fn http_date(unix_seconds: u64) -> [u8; 29] {
    // Up to the last second of the year 9999: the format has four digits.
    let seconds = unix_seconds.min(253_402_300_799);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let mut text = *b"Thu, 01 Jan 1970 00:00:00 GMT";
    let names = |names: &'static [u8], number: u64| {
        names.chunks(3).nth(usize::try_from(number).unwrap_or_default()).unwrap_or_default().iter().copied()
    };
    put(&mut text, 0, names(b"ThuFriSatSunMonTueWed", days % 7));
    put(&mut text, 5, digits(day));
    put(&mut text, 8, names(b"JanFebMarAprMayJunJulAugSepOctNovDec", month - 1));
    put(&mut text, 12, digits(year / 100));
    put(&mut text, 14, digits(year % 100));
    put(&mut text, 17, digits(second / 3600));
    put(&mut text, 20, digits(second / 60 % 60));
    put(&mut text, 23, digits(second % 60));
    text
}

/// Year, month and day of a day since 1970, in the proleptic Gregorian calendar: years begin in March here, so that the day
/// that comes every four years is the last.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march = (5 * day_of_year + 2) / 153;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let day = day_of_year - (153 * march + 2) / 5 + 1;
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

fn digits(number: u64) -> impl Iterator<Item = u8> {
    [number / 10 % 10, number % 10].into_iter().map(|digit| b'0' + u8::try_from(digit).unwrap_or_default())
}

fn put(text: &mut [u8], at: usize, bytes: impl Iterator<Item = u8>) {
    text.iter_mut().skip(at).zip(bytes).for_each(|(place, byte)| *place = byte);
}

#[cfg(test)]
mod tests {
    use super::http_date;

    #[test]
    fn dates_that_are_known() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_709_164_799, "Wed, 28 Feb 2024 23:59:59 GMT"),
            (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(String::from_utf8_lossy(&http_date(seconds)), text);
        }
    }
}
