//! Where the last row of each series lies in a head: dense by ref, in pages made when first touched, so that a head with
//! few series costs little however many refs its tenant has given out.

const PAGE_REFS: usize = 256;
/// No row: the end of a chain.
pub(crate) const NO_ROW: u32 = u32::MAX;

/// Last row by series ref.
#[derive(Debug, Default)]
pub(crate) struct Positions {
    pages: Vec<Option<Box<[u32; PAGE_REFS]>>>,
}

impl Positions {
    /// The series' last row, or `NO_ROW`.
    pub(crate) fn get(&self, series: u32) -> u32 {
        let (page, slot) = split(series);
        match self.pages.get(page) {
            Some(Some(page)) => page.get(slot).copied().unwrap_or(NO_ROW),
            _ => NO_ROW,
        }
    }

    /// Sets the series' last row and tells the one before.
    pub(crate) fn replace(&mut self, series: u32, row: u32) -> u32 {
        let (page, slot) = split(series);
        if page >= self.pages.len() {
            self.pages.resize_with(page + 1, || None);
        }
        let slots = self
            .pages
            .get_mut(page)
            .and_then(|page| page.get_or_insert_with(|| Box::new([NO_ROW; PAGE_REFS])).get_mut(slot));
        slots.map_or(NO_ROW, |slot| std::mem::replace(slot, row))
    }

    /// Every series that has a row, in the order of refs.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        self.pages
            .iter()
            .zip((0u32..).step_by(PAGE_REFS))
            .filter_map(|(page, first)| Some((page.as_deref()?, first)))
            .flat_map(|(page, first)| {
                page.iter()
                    .zip(first..)
                    .filter_map(|(row, series)| (*row != NO_ROW).then_some(series))
            })
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> u64 {
        let pages = self.pages.iter().flatten().count();
        (pages * size_of::<[u32; PAGE_REFS]>() + self.pages.capacity() * 8) as u64
    }
}

fn split(series: u32) -> (usize, usize) {
    let series = series as usize;
    (series / PAGE_REFS, series % PAGE_REFS)
}
