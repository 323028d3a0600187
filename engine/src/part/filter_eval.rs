//! From conditions to groups: bitmap algebra over the term dictionary.

use regex::Regex;
use roaring::RoaringBitmap;

use super::filter::IndexFilter;
use super::index::KeyEntry;
use super::reader::Part;
use super::row_terms::{LONG_VALUE, OVERFLOW_KEY, indexed_value};
use super::types::PartError;
use crate::ids::Signal;
use crate::matcher::{MatchOp, Matcher};

/// Groups that may match: all of the part's, or those of a bitmap.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum GroupSet {
    /// Every group.
    All,
    /// These.
    Some(RoaringBitmap),
}

impl GroupSet {
    fn none() -> Self {
        Self::Some(RoaringBitmap::new())
    }

    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, set) | (set, Self::All) => set,
            (Self::Some(a), Self::Some(b)) => Self::Some(a & b),
        }
    }

    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, _) | (_, Self::All) => Self::All,
            (Self::Some(a), Self::Some(b)) => Self::Some(a | b),
        }
    }

    /// Whether no group is in it.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Some(groups) if groups.is_empty())
    }
}

/// Hash of a body's word, lower-cased, as tables of logs hold it.
pub(crate) fn token_hash(token: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64_with_seed(token, 1)
}

/// Hash of a trace id, as tables of logs and traces hold it.
pub(crate) fn trace_hash(trace_id: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64_with_seed(trace_id, 2)
}

impl Part {
    /// Groups that pass every matcher. Exact for metrics; for the other signals it may name groups too many.
    pub(crate) fn groups_matching(&self, matchers: &[Matcher]) -> Result<GroupSet, PartError> {
        let mut set = GroupSet::All;
        for matcher in matchers {
            set = set.and(self.groups_of_matcher(matcher)?);
            if set.is_empty() {
                break;
            }
        }
        Ok(set)
    }

    /// Groups that may pass `filter`.
    pub(crate) fn groups_of_filter(&self, filter: &IndexFilter) -> Result<GroupSet, PartError> {
        match filter {
            IndexFilter::All => Ok(GroupSet::All),
            IndexFilter::And(filters) => {
                let mut set = GroupSet::All;
                for filter in filters {
                    set = set.and(self.groups_of_filter(filter)?);
                }
                Ok(set)
            }
            IndexFilter::Or(filters) => {
                let mut set = GroupSet::none();
                for filter in filters {
                    set = set.or(self.groups_of_filter(filter)?);
                }
                Ok(set)
            }
            IndexFilter::Term { key, value } => self.groups_of_matcher(&Matcher::equal(key, value)),
            IndexFilter::Matcher(matcher) => self.groups_of_matcher(matcher),
            IndexFilter::Prefix { key, prefix } => self.groups_of_prefix(key, prefix),
            IndexFilter::Regex { key, regex } => self.groups_of_regex(key, regex),
            IndexFilter::Token(token) => {
                let indexed = self.meta().signal == Signal::Logs && super::tokens::is_indexed(token);
                self.groups_of_hash(token_hash(token.as_bytes()), indexed)
            }
            IndexFilter::TraceId(id) => self.groups_of_hash(trace_hash(id), true),
        }
    }

    /// The key, if the dictionary knows all of its values. `Err(set)` is the answer when it does not.
    fn known_key(&self, name: &str) -> Result<Result<(u32, KeyEntry), GroupSet>, PartError> {
        match self.find_key(name)? {
            Some((_, entry)) if entry.dropped => Ok(Err(GroupSet::All)),
            Some(found) => Ok(Ok(found)),
            // A key that no row has, or one that this signal does not index.
            None if self.find_key(OVERFLOW_KEY)?.is_some() => Ok(Err(GroupSet::All)),
            None if super::tokens::indexes_key(self.meta().signal, name) => Ok(Err(GroupSet::none())),
            None => Ok(Err(GroupSet::All)),
        }
    }

    fn groups_of_matcher(&self, matcher: &Matcher) -> Result<GroupSet, PartError> {
        // In logs and traces one group has many rows: rows without the key, or with another value, may stand beside it.
        let exact = self.meta().signal == Signal::Metrics;
        if matcher.matches_absent() && !exact {
            return Ok(GroupSet::All);
        }
        let (key, entry) = match self.known_key(&matcher.name)? {
            Ok(found) => found,
            Err(set) => {
                let absent = set.is_empty() && matcher.matches_absent();
                return Ok(if absent { GroupSet::All } else { set });
            }
        };
        if !matcher.matches_absent() {
            if let MatchOp::Equal = matcher.op {
                let value = matcher.value.as_bytes();
                let value = if exact { value } else { indexed_value(value) };
                let postings = self.find_term(key, value)?;
                let groups = postings.map(|postings| self.bitmap(&postings)).transpose()?;
                return Ok(GroupSet::Some(groups.unwrap_or_default()));
            }
            let passes_all = matches!(&matcher.op, MatchOp::NotEqual if matcher.value.is_empty());
            if passes_all && entry.groups == u64::from(self.header().groups) && exact {
                return Ok(GroupSet::All);
            }
            return self.union(key, &|value| matcher.matches(value)).map(GroupSet::Some);
        }
        let others = if let MatchOp::NotEqual = matcher.op {
            let postings = self.find_term(key, matcher.value.as_bytes())?;
            postings
                .map(|postings| self.bitmap(&postings))
                .transpose()?
                .unwrap_or_default()
        } else {
            self.union(key, &|value| !matcher.matches(value))?
        };
        if others.is_empty() {
            return Ok(GroupSet::All);
        }
        let mut all = RoaringBitmap::new();
        all.insert_range(0..self.header().groups);
        Ok(GroupSet::Some(all - others))
    }

    fn union(&self, key: u32, passes: &dyn Fn(&str) -> bool) -> Result<RoaringBitmap, PartError> {
        let mut groups = RoaringBitmap::new();
        self.visit_terms(key, &[], &mut |value, postings| {
            // What is no text stands for long values, which nobody can tell from here.
            if std::str::from_utf8(value).map_or(true, passes) {
                self.add_postings(&postings, &mut groups)?;
            }
            Ok(true)
        })?;
        Ok(groups)
    }

    fn groups_of_prefix(&self, key: &str, prefix: &str) -> Result<GroupSet, PartError> {
        if prefix.is_empty() {
            return Ok(GroupSet::All);
        }
        let key = match self.known_key(key)? {
            Ok((key, _)) => key,
            Err(set) => return Ok(set),
        };
        let mut groups = RoaringBitmap::new();
        if let Some(postings) = self.find_term(key, LONG_VALUE)? {
            self.add_postings(&postings, &mut groups)?;
        }
        self.visit_terms(key, prefix.as_bytes(), &mut |value, postings| {
            let inside = value.starts_with(prefix.as_bytes());
            if inside {
                self.add_postings(&postings, &mut groups)?;
            }
            Ok(inside)
        })?;
        Ok(GroupSet::Some(groups))
    }

    fn groups_of_regex(&self, key: &str, regex: &Regex) -> Result<GroupSet, PartError> {
        if regex.is_match("") {
            return Ok(GroupSet::All);
        }
        match self.known_key(key)? {
            Ok((key, _)) => self.union(key, &|value| regex.is_match(value)).map(GroupSet::Some),
            Err(set) => Ok(set),
        }
    }

    fn groups_of_hash(&self, hash: u64, indexed: bool) -> Result<GroupSet, PartError> {
        if !indexed || self.meta().signal == Signal::Metrics {
            return Ok(GroupSet::All);
        }
        let mut groups = RoaringBitmap::new();
        for tile in self.tiles()?.iter() {
            self.find_hash(tile, hash, &mut groups)?;
        }
        Ok(GroupSet::Some(groups))
    }
}
