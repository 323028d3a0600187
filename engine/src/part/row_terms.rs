//! The terms of log records and spans: which values of which keys a group of rows has, and which words its bodies.

use std::collections::HashMap;

use super::filter_eval::{token_hash, trace_hash};
use super::json_scan::for_each_member;
use super::terms::{TermNumber, TermsBuilder};
use super::tokens::for_each_token;

/// Values of one key that are indexed at most; a key with more is not indexed in that part.
pub const VALUES_PER_KEY_MAX: u32 = 1_024;
/// Values of `service_name` and of span names that are indexed at most.
pub const NAMES_MAX: u32 = 65_536;
/// Keys of attributes and resources that are indexed at most in one part.
pub const KEYS_MAX: usize = 512;
/// Longer values, in bytes, are indexed only as being long.
pub const VALUE_BYTES_MAX: usize = 128;
/// The value under which long values are indexed: no text, and behind every text.
pub(crate) const LONG_VALUE: &[u8] = &[0xff];
/// The key whose presence says that there were more than `KEYS_MAX`: asking for an unknown key gives every group.
pub(crate) const OVERFLOW_KEY: &str = "";

/// Severity numbers whose terms are remembered: OpenTelemetry's.
const SEVERITIES: usize = 25;
/// Distinct texts of resources that are remembered with their terms.
const RESOURCES_MAX: usize = 4_096;
/// (hash, group) pairs at which a tile should end: bounds the memory of building its hash table.
const PAIRS_AIM: usize = 1 << 21;
/// Bits of a group's number in a pair; the rest is hash.
pub(crate) const PAIR_GROUP_BITS: u32 = 20;

/// How many values of a key are indexed at most.
pub(crate) fn values_max(key: &str) -> u32 {
    let nested = key.contains('.') || key == crate::schema::column::SEVERITY_NUMBER;
    if nested { VALUES_PER_KEY_MAX } else { NAMES_MAX }
}

/// Feeds rows into the index of one part.
pub(crate) struct RowTerms {
    severities: [Option<TermNumber>; SEVERITIES],
    keys: HashMap<String, Option<u32>>,
    resources: HashMap<String, Vec<TermNumber>>,
    last_attributes: String,
    last_terms: Vec<TermNumber>,
    words: hashbrown::HashTable<u64>,
    pairs: Vec<u64>,
    scratch: Vec<u8>,
    full_key: String,
}

impl RowTerms {
    /// Nothing seen yet.
    pub(crate) fn new() -> Self {
        Self {
            severities: [None; SEVERITIES],
            keys: HashMap::new(),
            resources: HashMap::new(),
            last_attributes: String::new(),
            last_terms: Vec::new(),
            words: hashbrown::HashTable::new(),
            pairs: Vec::new(),
            scratch: Vec::new(),
            full_key: String::new(),
        }
    }

    /// Adds a value of one of the columns that are always indexed.
    pub(crate) fn column(&mut self, terms: &mut TermsBuilder, column: &'static str, value: &str, group: u32) {
        let key = terms.key(column, NAMES_MAX);
        if let Some(term) = terms.term(key, indexed_value(value.as_bytes())) {
            terms.add(term, group);
        }
    }

    /// Adds a severity number.
    pub(crate) fn severity(&mut self, terms: &mut TermsBuilder, severity: i32, group: u32) {
        let known = usize::try_from(severity)
            .ok()
            .and_then(|place| self.severities.get(place).copied().flatten());
        let term = known.or_else(|| {
            let key = terms.key(crate::schema::column::SEVERITY_NUMBER, VALUES_PER_KEY_MAX);
            let term = terms.term(key, severity.to_string().as_bytes())?;
            let slot = usize::try_from(severity)
                .ok()
                .and_then(|place| self.severities.get_mut(place));
            if let Some(slot) = slot {
                *slot = Some(term);
            }
            Some(term)
        });
        if let Some(term) = term {
            terms.add(term, group);
        }
    }

    /// Adds the members of a resource, remembered by its text.
    pub(crate) fn resource(&mut self, terms: &mut TermsBuilder, resource: &str, group: u32) {
        if let Some(known) = self.resources.get(resource) {
            known.iter().for_each(|term| terms.add(*term, group));
            return;
        }
        let mut found = Vec::new();
        self.members(terms, crate::schema::column::RESOURCE, resource, &mut found);
        found.iter().for_each(|term| terms.add(*term, group));
        if self.resources.len() >= RESOURCES_MAX {
            self.resources.clear();
        }
        self.resources.insert(resource.to_owned(), found);
    }

    /// Adds the members of a row's attributes; equal ones in a row are looked at once.
    pub(crate) fn attributes(&mut self, terms: &mut TermsBuilder, attributes: &str, group: u32) {
        if attributes != self.last_attributes {
            let mut found = std::mem::take(&mut self.last_terms);
            found.clear();
            self.members(terms, crate::schema::column::ATTRIBUTES, attributes, &mut found);
            self.last_terms = found;
            self.last_attributes.clear();
            self.last_attributes.push_str(attributes);
        }
        self.last_terms.iter().for_each(|term| terms.add(*term, group));
    }

    fn members(&mut self, terms: &mut TermsBuilder, column: &str, object: &str, found: &mut Vec<TermNumber>) {
        let (keys, full_key) = (&mut self.keys, &mut self.full_key);
        let whole = for_each_member(object, &mut |member| {
            full_key.clear();
            full_key.push_str(column);
            full_key.push('.');
            full_key.push_str(&member.key);
            let key = match keys.get(full_key.as_str()) {
                Some(key) => *key,
                None => {
                    let key = if keys.len() < KEYS_MAX {
                        Some(terms.key(full_key, VALUES_PER_KEY_MAX))
                    } else {
                        overflow(terms);
                        None
                    };
                    if keys.len() < KEYS_MAX {
                        keys.insert(full_key.clone(), key);
                    }
                    key
                }
            };
            if let Some(key) = key
                && let Some(term) = terms.term(key, indexed_value(member.value.as_bytes()))
            {
                found.push(term);
            }
        });
        // Text that is no object has members that nobody knows.
        if !whole {
            keys.values().flatten().for_each(|key| terms.drop_key(*key));
            overflow(terms);
        }
    }

    /// Adds the words of a body. `group` counts from the tile's first.
    pub(crate) fn body(&mut self, body: &str, group: u32) {
        let (words, pairs) = (&mut self.words, &mut self.pairs);
        for_each_token(body, &mut self.scratch, &mut |word| {
            add_pair(words, pairs, token_hash(word), group);
        });
    }

    /// Adds a trace id. `group` counts from the tile's first.
    pub(crate) fn trace_id(&mut self, trace_id: &[u8], group: u32) {
        add_pair(&mut self.words, &mut self.pairs, trace_hash(trace_id), group);
    }

    /// Says that the next rows belong to another group.
    pub(crate) fn end_group(&mut self) {
        self.words.clear();
    }

    /// Whether the tile should end for the sake of memory.
    pub(crate) fn is_full(&self) -> bool {
        self.pairs.len() >= PAIRS_AIM
    }

    /// The tile's pairs, which are then forgotten.
    pub(crate) fn take_pairs(&mut self) -> Vec<u64> {
        self.words.clear();
        std::mem::take(&mut self.pairs)
    }

    /// Bytes held, nearly.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.pairs.capacity() * 8 + self.words.capacity() * 9
    }
}

fn add_pair(words: &mut hashbrown::HashTable<u64>, pairs: &mut Vec<u64>, hash: u64, group: u32) {
    if let hashbrown::hash_table::Entry::Vacant(slot) = words.entry(hash, |known| *known == hash, |known| *known) {
        slot.insert(hash);
        pairs.push(hash >> PAIR_GROUP_BITS << PAIR_GROUP_BITS | u64::from(group));
    }
}

fn overflow(terms: &mut TermsBuilder) {
    let key = terms.key(OVERFLOW_KEY, 0);
    terms.drop_key(key);
}

/// What stands for a value in the dictionary.
pub(crate) fn indexed_value(value: &[u8]) -> &[u8] {
    if value.len() > VALUE_BYTES_MAX {
        LONG_VALUE
    } else {
        value
    }
}
