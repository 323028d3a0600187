//! The top level of a JSON object, key by key, without building it: what indexing attributes needs of each row.

use std::borrow::Cow;

/// A member of an object: its key, and its value as SQL's `->>` shows it (strings without quotes, other values as written).
pub(crate) struct Member<'a> {
    pub(crate) key: Cow<'a, str>,
    pub(crate) value: Cow<'a, str>,
}

/// Visits the members of `object` whose values are not null. Gives false where the text is no JSON object, as far as it
/// was looked at; the members before that were visited.
pub(crate) fn for_each_member<'a>(object: &'a str, visit: &mut dyn FnMut(Member<'a>)) -> bool {
    let mut scan = Scan { text: object, at: 0 };
    if scan.next_token() != Some(b'{') {
        return false;
    }
    scan.at += 1;
    if scan.next_token() == Some(b'}') {
        return true;
    }
    loop {
        if scan.next_token() != Some(b'"') {
            return false;
        }
        let Some(key) = scan.string() else {
            return false;
        };
        if scan.next_token() != Some(b':') {
            return false;
        }
        scan.at += 1;
        let is_string = scan.next_token() == Some(b'"');
        let value = if is_string {
            scan.string()
        } else {
            scan.raw().map(Cow::Borrowed)
        };
        match value {
            None => return false,
            Some(value) if !is_string && value == "null" => {}
            Some(value) => visit(Member { key, value }),
        }
        match scan.next_token() {
            Some(b',') => scan.at += 1,
            Some(b'}') => return true,
            _ => return false,
        }
    }
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next_token(&mut self) -> Option<u8> {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        self.byte()
    }

    /// Moves behind the string that starts here; gives whether it has an escape.
    fn skip_string(&mut self) -> Option<bool> {
        self.at += 1;
        let mut escaped = false;
        loop {
            match self.byte()? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.at += 2;
                }
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(escaped)
    }

    fn string(&mut self) -> Option<Cow<'a, str>> {
        let start = self.at;
        let escaped = self.skip_string()?;
        if escaped {
            serde_json::from_str(self.text.get(start..self.at)?)
                .ok()
                .map(Cow::Owned)
        } else {
            self.text.get(start + 1..self.at - 1).map(Cow::Borrowed)
        }
    }

    /// A value that is no string, as written.
    fn raw(&mut self) -> Option<&'a str> {
        let start = self.at;
        let mut depth = 0usize;
        loop {
            match self.byte() {
                Some(b'"') => {
                    self.skip_string()?;
                    continue;
                }
                Some(b'{' | b'[') => depth += 1,
                Some(b'}' | b']' | b',') if depth == 0 => break,
                Some(b'}' | b']') => depth -= 1,
                Some(_) => {}
                None => return None,
            }
            self.at += 1;
        }
        self.text.get(start..self.at).map(str::trim_end)
    }
}

#[cfg(test)]
mod tests;
