//! Text that is safe in a page, and the page around it.

use std::fmt;

use super::style::STYLE;

/// A text from outside, as it may stand in an element and in an attribute.
pub(super) struct Text<'a>(&'a str);

/// Makes a text safe.
pub(super) fn text(text: &str) -> Text<'_> {
    Text(text)
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // Neither a page nor a drawing may hold them.
                c if c.is_control() && c != '\n' && c != '\t' => f.write_str("\u{fffd}")?,
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

/// A whole page; the title is text, the body is a page's already.
pub(super) fn document(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'/><meta name='viewport' content='width=device-width, initial-scale=1'/>\
         <meta name='color-scheme' content='light dark'/><title>{}</title><style>{STYLE}</style></head>\n<body><main>{body}</main></body></html>\n",
        text(title)
    )
}

/// A number with its thousands apart.
pub(super) fn count(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join("\u{202f}")
}

/// A length of time in microseconds, as a person says it.
pub(super) fn time(us: u64) -> String {
    match us {
        0..1000 => format!("{us} µs"),
        1000..1_000_000 => format!("{} ms", us / 1000),
        1_000_000..100_000_000 => format!("{:.1} s", us as f64 / 1e6),
        _ => format!("{} min {} s", us / 60_000_000, us / 1_000_000 % 60),
    }
}

/// A size, as a person says it.
pub(super) fn bytes(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
        _ => format!("{:.2} GiB", bytes as f64 / 1_073_741_824.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_is_markup() {
        let evil = "</td><script>x('&\"')</script>\u{1b}\u{0}";
        let safe = text(evil).to_string();
        assert_eq!(safe, "&lt;/td&gt;&lt;script&gt;x(&#39;&amp;&quot;&#39;)&lt;/script&gt;\u{fffd}\u{fffd}");
    }

    #[test]
    fn numbers_are_for_people() {
        assert_eq!([count(7), count(1234), count(1_000_000)], ["7", "1\u{202f}234", "1\u{202f}000\u{202f}000"]);
        assert_eq!([time(900), time(12_345), time(1_260_000), time(130_000_000)], ["900 µs", "12 ms", "1.3 s", "2 min 10 s"]);
        assert_eq!([bytes(12), bytes(2048), bytes(3 << 20), bytes(5 << 29)], ["12 B", "2 KiB", "3.0 MiB", "2.50 GiB"]);
    }
}
