//! UCUM units as words: `By/s` is `bytes` and `per_second`.

/// Words for units that stand alone or above the stroke.
const WORDS: [(&str, &str); 26] = [
    ("%", "percent"),
    ("1", ""),
    ("A", "amperes"),
    ("By", "bytes"),
    ("Cel", "celsius"),
    ("GBy", "gigabytes"),
    ("GiBy", "gibibytes"),
    ("Hz", "hertz"),
    ("J", "joules"),
    ("KBy", "kilobytes"),
    ("KiBy", "kibibytes"),
    ("MBy", "megabytes"),
    ("MiBy", "mebibytes"),
    ("TBy", "terabytes"),
    ("TiBy", "tibibytes"),
    ("V", "volts"),
    ("W", "watts"),
    ("d", "days"),
    ("g", "grams"),
    ("h", "hours"),
    ("m", "meters"),
    ("min", "minutes"),
    ("ms", "milliseconds"),
    ("ns", "nanoseconds"),
    ("s", "seconds"),
    ("us", "microseconds"),
];

/// Words for what stands below the stroke.
const PER_WORDS: [(&str, &str); 7] = [
    ("d", "day"),
    ("h", "hour"),
    ("m", "minute"),
    ("mo", "month"),
    ("s", "second"),
    ("w", "week"),
    ("y", "year"),
];

/// The word of the main unit and `per_` with the word of the divisor; either is empty when there is none.
/// Units in braces are annotations and have no word.
pub(super) fn unit_words(unit: &str) -> (String, String) {
    let (main, divisor) = unit.split_once('/').unwrap_or((unit, ""));
    let main = word(main, |unit| {
        WORDS.iter().find(|(from, _)| *from == unit).map(|(_, to)| *to)
    });
    let divisor = word(divisor, |unit| {
        PER_WORDS.iter().find(|(from, _)| *from == unit).map(|(_, to)| *to)
    });
    let per = if divisor.is_empty() {
        String::new()
    } else {
        format!("per_{divisor}")
    };
    (main.to_owned(), per)
}

fn word(unit: &str, look_up: impl Fn(&str) -> Option<&'static str>) -> &str {
    let unit = unit.trim();
    if unit.contains(['{', '}']) {
        ""
    } else {
        look_up(unit).unwrap_or(unit)
    }
}
