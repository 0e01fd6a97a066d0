//! The two texts in which metrics are read: the Prometheus text format 0.0.4, which everything reads, and OpenMetrics 1.0.0 for those who ask for it.

use hyper::header::{ACCEPT, HeaderMap};

/// In which text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Prometheus 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

const OPEN_METRICS: &str = "application/openmetrics-text";

impl Format {
    /// What the Accept header of a request wants: OpenMetrics if it names it and does not like plain text more; else Prometheus' own, whatever it says.
    pub fn wanted(headers: &HeaderMap) -> Format {
        let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let ranges: Vec<(String, u16)> = values.flat_map(|value| value.split(',')).filter_map(range).collect();
        let liked = |kind: &str| ranges.iter().filter(|(name, _)| name == kind).map(|(_, quality)| *quality).max().unwrap_or(0);
        let open_metrics = liked(OPEN_METRICS);
        if open_metrics > 0 && open_metrics >= liked("text/plain") { Format::OpenMetrics } else { Format::Prometheus }
    }

    /// The value of Content-Type.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// A media range (RFC 9110 section 12.5.1) and its quality in thousandths; none if it is of a version of OpenMetrics that is not spoken here.
fn range(text: &str) -> Option<(String, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next()?.to_ascii_lowercase();
    let mut quality = 1000;
    for (key, value) in parts.filter_map(|part| part.split_once('=')) {
        match key.trim().to_ascii_lowercase().as_str() {
            "q" => quality = value.trim().parse::<f32>().map_or(0, |quality| (quality.clamp(0.0, 1.0) * 1000.0) as u16),
            "version" if name == OPEN_METRICS && value.trim().trim_matches('"') != "1.0.0" => return None,
            _ => {}
        }
    }
    Some((name, quality))
}

/// OpenMetrics as the Prometheus text format. They differ in what describes a metric: here a counter is described by its full name, an info is a gauge, and units
/// and the end are not said.
pub(super) fn prometheus(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    // HELP stands in front of TYPE, and its name depends on the type.
    let mut help = None;
    for line in open_metrics.lines() {
        if let Some(said) = line.strip_prefix("# HELP ") {
            help = said.split_once(' ').map(|(_, help)| help);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|said| said.split_once(' ')) {
            let (ending, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                kind => ("", kind),
            };
            if let Some(help) = help.take() {
                text += &format!("# HELP {name}{ending} {help}\n");
            }
            text += &format!("# TYPE {name}{ending} {kind}\n");
        } else if !line.starts_with('#') {
            text += line;
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(accept: &[&str]) -> Format {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(ACCEPT, value.parse().unwrap());
        }
        Format::wanted(&headers)
    }

    #[test]
    fn open_metrics_is_for_those_who_ask_for_it() {
        use Format::{OpenMetrics, Prometheus};
        // As Prometheus 2 and 3 ask.
        let second = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let third =
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.4,*/*;q=0.3";
        for (accept, format) in [
            (&[][..], Prometheus),
            (&["*/*"], Prometheus),
            (&["text/html, */*;q=0.8"], Prometheus),
            (&["text/plain;version=0.0.4"], Prometheus),
            (&[second], OpenMetrics),
            (&[third], OpenMetrics),
            (&["application/openmetrics-text"], OpenMetrics),
            (&["Application/OpenMetrics-Text; Version=\"1.0.0\"; Q=0.2"], OpenMetrics),
            (&["text/plain", "application/openmetrics-text"], OpenMetrics),
            (&["text/plain, application/openmetrics-text;q=0.9"], Prometheus),
            (&["application/openmetrics-text;q=0"], Prometheus),
            (&["application/openmetrics-text;q=x"], Prometheus),
            (&["application/openmetrics-text;version=0.0.1"], Prometheus),
            (&[",;=,"], Prometheus),
        ] {
            assert_eq!(wanted(accept), format, "{accept:?}");
        }
    }

    #[test]
    fn what_describes_a_metric_bears_the_name_of_its_lines() {
        let open_metrics = "# HELP a_seconds How long.\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total 1.5\n# TYPE b info\n\
                            b_info{v=\"# 1\"} 1\n# HELP c All else.\n# TYPE c unknown\nc 2\n# TYPE d histogram\nd_bucket{le=\"+Inf\"} 0\n# EOF\n";
        let expected = "# HELP a_seconds_total How long.\n# TYPE a_seconds_total counter\na_seconds_total 1.5\n# TYPE b_info gauge\nb_info{v=\"# 1\"} 1\n\
                        # HELP c All else.\n# TYPE c untyped\nc 2\n# TYPE d histogram\nd_bucket{le=\"+Inf\"} 0\n";
        assert_eq!(prometheus(open_metrics), expected);
    }
}
