//! The Prometheus text format, written by hand: names, help, label escapes, histograms with cumulative buckets.

use std::fmt::Write as _;

/// What a family is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FamilyKind {
    Counter,
    Gauge,
    Histogram,
}

impl FamilyKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Label names and values of one sample.
pub(crate) type Labels<'a> = &'a [(&'a str, &'a str)];

/// A text under construction.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    text: String,
    family: String,
}

impl Exposition {
    /// Begins a family; the samples that follow belong to it.
    pub(crate) fn family(&mut self, name: &str, kind: FamilyKind, help: &str) {
        self.family.clear();
        self.family.push_str(name);
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        push(
            &mut self.text,
            format_args!("# HELP {name} {help}\n# TYPE {name} {}\n", kind.as_str()),
        );
    }

    /// One sample of the family.
    pub(crate) fn sample(&mut self, labels: Labels<'_>, value: f64) {
        self.line("", labels, None, value);
    }

    /// A family of one sample without labels.
    pub(crate) fn single(&mut self, name: &str, kind: FamilyKind, help: &str, value: f64) {
        self.family(name, kind, help);
        self.sample(&[], value);
    }

    /// One histogram of the family: `buckets` are upper bounds in seconds with their own (not cumulative) counts; what
    /// lies above the last bound is `count` minus their sum.
    pub(crate) fn histogram(
        &mut self,
        labels: Labels<'_>,
        buckets: impl Iterator<Item = (f64, u64)>,
        sum: f64,
        count: u64,
    ) {
        let mut cumulative = 0;
        for (bound, own) in buckets {
            cumulative += own;
            self.line("_bucket", labels, Some(&number(bound)), cumulative as f64);
        }
        self.line("_bucket", labels, Some("+Inf"), count as f64);
        self.line("_sum", labels, None, sum);
        self.line("_count", labels, None, count as f64);
    }

    fn line(&mut self, suffix: &str, labels: Labels<'_>, le: Option<&str>, value: f64) {
        self.text.push_str(&self.family);
        self.text.push_str(suffix);
        let le = le.map(|le| ("le", le));
        let mut separator = '{';
        for (name, value) in labels.iter().copied().chain(le) {
            self.text.push(separator);
            separator = ',';
            self.text.push_str(name);
            self.text.push_str("=\"");
            for c in value.chars() {
                match c {
                    '\\' => self.text.push_str("\\\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str("\\n"),
                    c => self.text.push(c),
                }
            }
            self.text.push('"');
        }
        if separator == ',' {
            self.text.push('}');
        }
        push(&mut self.text, format_args!(" {}\n", number(value)));
    }

    /// The whole text.
    pub(crate) fn finish(self) -> String {
        self.text
    }
}

/// Writing to a string cannot fail.
fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(arguments);
}

fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        value.to_string()
    }
}

#[cfg(test)]
mod tests;
