//! Dates in `Set-Cookie`, which servers write in every way (RFC 6265, 5.1.1). Reads no clock.

/// Seconds since 1970, zero for what is before; none for what is no date.
pub(super) fn read(text: &[u8]) -> Option<u64> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.split(|byte| is_delimiter(*byte)).filter(|token| !token.is_empty()) {
        if time.is_none() && clock(token).is_some() {
            time = clock(token);
        } else if day.is_none() && number(token, 1, 2).is_some() {
            day = number(token, 1, 2);
        } else if month.is_none() && month_of(token).is_some() {
            month = month_of(token);
        } else if year.is_none() && number(token, 2, 4).is_some() {
            year = number(token, 2, 4);
        }
    }
    let year = match year? {
        year @ 70..=99 => year + 1900,
        year @ 0..=69 => year + 2000,
        year => year,
    };
    let (day, month) = (day?, month?);
    if year < 1601 || day < 1 || day > days_in(year, month) {
        return None;
    }
    let [hour, minute, second] = time?;
    let days = days_before(year, month) + day - 1;
    // Of what is counted in from the year 0.
    let unix = days_before(1970, 1);
    Some(days.checked_sub(unix).map_or(0, |days| ((days * 24 + hour) * 60 + minute) * 60 + second))
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'/' | b';'..=b'@' | b'['..=b'`' | b'{'..=b'~')
}

/// Digits, as many as may be, with no digit behind them.
fn number(token: &[u8], least: usize, most: usize) -> Option<u64> {
    let count = token.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let digits = token.get(..count).filter(|_| (least..=most).contains(&count))?;
    Some(digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

/// Hours, minutes and seconds.
fn clock(token: &[u8]) -> Option<[u64; 3]> {
    let mut fields = token.splitn(3, |byte| *byte == b':');
    let mut whole = |most: u64| {
        let field = fields.next()?;
        let all = field.iter().all(u8::is_ascii_digit);
        number(field, 1, 2).filter(|number| all && *number <= most)
    };
    let (hour, minute) = (whole(23)?, whole(59)?);
    let second = number(fields.next()?, 1, 2).filter(|second| *second <= 59)?;
    Some([hour, minute, second])
}

fn month_of(token: &[u8]) -> Option<u64> {
    let name = token.get(..3)?;
    let months = b"janfebmaraprmayjunjulaugsepoctnovdec".chunks(3);
    months.zip(1..).find(|(month, _)| name.eq_ignore_ascii_case(month)).map(|(_, number)| number)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since the beginning of the year 0.
fn days_before(year: u64, month: u64) -> u64 {
    // The year 0 is a leap year, and counted as one of those before any other.
    let leaps = year.div_ceil(4) - year.div_ceil(100) + year.div_ceil(400);
    let months: u64 = (1..month).map(|month| days_in(year, month)).sum();
    year * 365 + leaps + months
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_as_servers_write_them() {
        for (text, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
            ("8:49:37 6 november 1994", Some(784_111_777)),
            ("Thu, 01-Jan-1970 00:00:00 GMT", Some(0)),
            ("Fri, 31 Dec 1999 23:59:59 GMT", Some(946_684_799)),
            ("Thu, 29 Feb 2024 00:00:00 GMT", Some(1_709_164_800)),
            ("Mon, 01 Jan 1601 00:00:00 GMT", Some(0)),
            ("Wed, 09 Jun 2021 10:18:14 GMT", Some(1_623_233_894)),
            ("Thu, 01 Jan 69 00:00:00 GMT", Some(3_124_224_000)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799)),
            ("Thu, 29 Feb 2023 00:00:00 GMT", None),
            ("Sun, 06 Nov 1994", None),
            ("06 Nov 1994 24:00:00", None),
            ("06 Nov 1994 08:49:60", None),
            ("06 Nov 19941 08:49:37", None),
            ("32 Nov 1994 08:49:37", None),
            ("00 Nov 1994 08:49:37", None),
            ("31 Apr 1994 08:49:37", None),
            ("06 Nov 1600 08:49:37", None),
            ("Sat Jan  1 00:00:00 99999999", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(read(text.as_bytes()), expected, "{text}");
        }
    }
}
