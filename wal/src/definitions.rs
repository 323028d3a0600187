//! Which references are defined in the active segment: one bit each, known to the commit thread only, gone with the
//! segment.

use std::collections::HashMap;

const PAGE_WORDS: usize = 64;
const PAGE_BITS: usize = PAGE_WORDS * 64;

type Page = Box<[u64; PAGE_WORDS]>;

/// A set of (space, reference). Pages of 4,096 references, so that one far reference costs a page and a table of pointers
/// (16 KiB per million references below it), not a bit for each.
#[derive(Debug, Default)]
pub(crate) struct Defined {
    spaces: HashMap<u32, Vec<Option<Page>>>,
}

impl Defined {
    /// Adds those of `references` that are not in the set and calls `added` for each.
    pub(crate) fn add_all(&mut self, space: u32, references: &[u32], mut added: impl FnMut(u32)) {
        if references.is_empty() {
            return;
        }
        let pages = self.spaces.entry(space).or_default();
        for &reference in references {
            let (page, bit) = (reference as usize / PAGE_BITS, reference as usize % PAGE_BITS);
            if pages.len() <= page {
                pages.resize(page + 1, None);
            }
            let Some(page) = pages.get_mut(page) else { continue };
            let page = page.get_or_insert_with(|| Box::new([0; PAGE_WORDS]));
            let Some(word) = page.get_mut(bit / 64) else { continue };
            let mask = 1 << (bit % 64);
            if *word & mask == 0 {
                *word |= mask;
                added(reference);
            }
        }
    }
}

#[cfg(test)]
mod tests;
