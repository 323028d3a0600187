//! Which words of a body and which keys the index knows: the reader must know what the writer left out.

use crate::ids::Signal;

/// Shortest word that is indexed, in bytes.
pub const TOKEN_BYTES_MIN: usize = 2;
/// Longest word that is indexed, in bytes.
pub const TOKEN_BYTES_MAX: usize = 128;

/// Whether a word, lower-cased, is one that bodies are indexed by; asking for another gives every group.
pub fn is_indexed(token: &str) -> bool {
    (TOKEN_BYTES_MIN..=TOKEN_BYTES_MAX).contains(&token.len())
        && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !token.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// Visits the indexed words of a body, lower-cased: runs of `[A-Za-z0-9_]`. `word` is scratch.
pub fn for_each_token(body: &str, word: &mut Vec<u8>, visit: &mut dyn FnMut(&[u8])) {
    for run in body
        .as_bytes()
        .split(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_'))
        .filter(|run| (TOKEN_BYTES_MIN..=TOKEN_BYTES_MAX).contains(&run.len()))
    {
        word.clear();
        word.extend(run.iter().map(u8::to_ascii_lowercase));
        visit(word);
    }
}

/// Whether parts of a signal index this key, so that its absence from the dictionary means that no row has it.
pub(crate) fn indexes_key(signal: Signal, name: &str) -> bool {
    use crate::schema::column;
    let nested = |name: &str| {
        [column::RESOURCE, column::ATTRIBUTES]
            .iter()
            .any(|column| name.strip_prefix(column).is_some_and(|rest| rest.starts_with('.')))
    };
    match signal {
        Signal::Metrics => true,
        Signal::Logs => name == column::SERVICE_NAME || name == column::SEVERITY_NUMBER || nested(name),
        Signal::Traces => {
            [column::SERVICE_NAME, column::NAME, column::KIND, column::STATUS_CODE].contains(&name) || nested(name)
        }
    }
}
