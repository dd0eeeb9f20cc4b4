//! Dates as HTTP writes them.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

/// From March on, so that a leap day is the last one of a year.
const DAYS_BEFORE_MONTH: [u64; 12] = [0, 31, 61, 92, 122, 153, 184, 214, 245, 275, 306, 337];
const MONTHS: [&str; 12] =
    ["Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb"];
const JANUARY: usize = 10;

/// From the day of the week on that was the first of 1970.
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// A moment, in seconds since 1970: shown as an IMF-fixdate (RFC 9110 section 5.6.7).
#[derive(Clone, Copy, Debug)]
pub(crate) struct HttpDate(u64);

impl HttpDate {
    pub(crate) fn now() -> Self {
        // A clock before 1970 is wrong anyway.
        Self(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
    }
}

impl fmt::Display for HttpDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.0 / SECONDS_PER_DAY, self.0 % SECONDS_PER_DAY);
        let (year, month, day) = date(days);
        let weekday = WEEKDAYS[(days % 7) as usize];
        let month = MONTHS[month];
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
    }
}

/// Year, month counted from March, and day of the month, of the day that is so many after the first of 1970.
fn date(days: u64) -> (u64, usize, u64) {
    // Days since the first of March in the year 0: every 400 years are alike from then on.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    // Days without those of the leap years before, for there are 365 a year then.
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = DAYS_BEFORE_MONTH.partition_point(|before| *before <= day) - 1;
    let year = era * 400 + year + u64::from(month >= JANUARY);
    (year, month, day - DAYS_BEFORE_MONTH[month] + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_http() {
        for (seconds, expected) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), // RFC 9110's own.
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (978_307_199, "Sun, 31 Dec 2000 23:59:59 GMT"),
            (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(HttpDate(seconds).to_string(), expected);
        }
    }

    #[test]
    fn each_day_follows_the_one_before() {
        let mut before = date(0);
        for days in 1..150_000 {
            let (year, month, day) = date(days);
            let is_next = match day {
                1 => before.1 == (month + 11) % 12 && (28..=31).contains(&before.2),
                _ => before.1 == month && before.2 + 1 == day,
            };
            assert!(is_next, "{before:?}, {year} {month} {day}");
            assert_eq!(year - before.0, u64::from(month == JANUARY && day == 1), "{year}");
            before = (year, month, day);
        }
    }
}
