//! Two images of one disk: what the running process sees, and what is sure to be there after the power fails. Between
//! them lie the pending operations, of which a crash keeps any part.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::Entry;

/// The unit in which a write can be torn.
pub const SECTOR_BYTES: u64 = 512;

/// What a power loss does to operations that were not synced. The seed makes it repeatable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrashPolicy {
    /// Seed of every choice.
    pub seed: u64,
    /// Chance in percent that a pending operation on names is kept.
    pub keep_names_percent: u8,
    /// Chance in percent that a pending write or length change is kept, whole or in part.
    pub keep_writes_percent: u8,
    /// Chance in percent that a kept write is torn: only its first sectors, or any of its sectors, are there.
    pub torn_percent: u8,
}

impl CrashPolicy {
    /// Nothing that was not synced survives.
    pub const LOSE_ALL: CrashPolicy = CrashPolicy {
        seed: 0,
        keep_names_percent: 0,
        keep_writes_percent: 0,
        torn_percent: 0,
    };
    /// Everything survives: the process died, the machine did not.
    pub const KEEP_ALL: CrashPolicy = CrashPolicy {
        seed: 0,
        keep_names_percent: 100,
        keep_writes_percent: 100,
        torn_percent: 0,
    };

    /// A policy drawn from the seed, the chances too, so that many seeds reach the extremes as well as the mixtures.
    pub fn from_seed(seed: u64) -> CrashPolicy {
        let mut dice = Dice(seed ^ 0x5bd1_e995_9e37_79b9);
        let chances = [0, 10, 50, 90, 100];
        let mut pick = || {
            let at = usize::try_from(dice.below(5)).unwrap_or(0);
            chances.get(at).copied().unwrap_or(50)
        };
        CrashPolicy {
            seed,
            keep_names_percent: pick(),
            keep_writes_percent: pick(),
            torn_percent: pick(),
        }
    }
}

/// A small repeatable source of choices (SplitMix64).
#[derive(Debug, Clone)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn percent(&mut self, chance: u8) -> bool {
        self.below(100) < u64::from(chance)
    }
}

#[derive(Debug, Clone)]
enum FileOp {
    Write { offset: u64, data: Vec<u8> },
    SetLen(u64),
}

fn apply(image: &mut Vec<u8>, op: &FileOp) {
    match op {
        FileOp::Write { offset, data } => {
            let start = usize::try_from(*offset).unwrap_or(usize::MAX);
            let end = start.saturating_add(data.len());
            if image.len() < end {
                image.resize(end, 0);
            }
            if let Some(target) = image.get_mut(start..end) {
                target.copy_from_slice(data);
            }
        }
        FileOp::SetLen(len) => image.resize(usize::try_from(*len).unwrap_or(usize::MAX), 0),
    }
}

/// A file's content, apart from its names. The images are shared with survivors until one of them writes.
#[derive(Debug, Default)]
pub(super) struct Inode {
    pub(super) live: Arc<Vec<u8>>,
    durable: Arc<Vec<u8>>,
    pending: Vec<FileOp>,
    /// Syncs that failed so far. Every handle that was open at the time reports the failure once, as Linux does.
    pub(super) failed_syncs: u64,
}

impl Inode {
    fn run(&mut self, op: FileOp) {
        apply(Arc::make_mut(&mut self.live), &op);
        self.pending.push(op);
    }

    pub(super) fn write(&mut self, offset: u64, data: &[u8]) {
        let data = data.to_vec();
        self.run(FileOp::Write { offset, data });
    }

    pub(super) fn set_len(&mut self, len: u64) {
        self.run(FileOp::SetLen(len));
    }

    pub(super) fn sync(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let durable = Arc::make_mut(&mut self.durable);
        for op in self.pending.drain(..) {
            apply(durable, &op);
        }
    }

    /// A sync that failed: the pages count as clean from now on, and some of them reached the disk. No later sync brings the
    /// others there.
    pub(super) fn fail_sync(&mut self, dice: &mut Dice) {
        self.failed_syncs += 1;
        let durable = Arc::make_mut(&mut self.durable);
        for op in self.pending.drain(..) {
            if dice.percent(50) {
                apply(durable, &op);
            }
        }
    }

    /// Changes a byte on the medium, behind the back of the process.
    pub(super) fn flip(&mut self, offset: u64, mask: u8) -> bool {
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        let mut hit = false;
        for image in [&mut self.live, &mut self.durable] {
            if let Some(byte) = Arc::make_mut(image).get_mut(at) {
                *byte ^= mask;
                hit = true;
            }
        }
        hit
    }

    fn survivor(&self, policy: &CrashPolicy, dice: &mut Dice) -> Inode {
        let mut image = Arc::clone(&self.durable);
        for op in &self.pending {
            if !dice.percent(policy.keep_writes_percent) {
                continue;
            }
            let image = Arc::make_mut(&mut image);
            match op {
                FileOp::Write { offset, data } if dice.percent(policy.torn_percent) => {
                    tear(image, *offset, data, dice);
                }
                whole => apply(image, whole),
            }
        }
        Inode {
            live: Arc::clone(&image),
            durable: image,
            pending: Vec::new(),
            failed_syncs: 0,
        }
    }
}

/// Applies some of a write's sectors: a prefix of them, or any of them.
fn tear(image: &mut Vec<u8>, offset: u64, data: &[u8], dice: &mut Dice) {
    let end = offset.saturating_add(data.len() as u64);
    let sectors = end.div_ceil(SECTOR_BYTES) - offset / SECTOR_BYTES;
    let prefix = dice.percent(50).then(|| dice.below(sectors));
    let mut at = offset;
    for index in 0..sectors {
        let next = ((at / SECTOR_BYTES + 1) * SECTOR_BYTES).min(end);
        let kept = prefix.map_or_else(|| dice.percent(50), |count| index < count);
        let range =
            usize::try_from(at - offset).unwrap_or(usize::MAX)..usize::try_from(next - offset).unwrap_or(usize::MAX);
        if let (true, Some(piece)) = (kept, data.get(range)) {
            let data = piece.to_vec();
            apply(image, &FileOp::Write { offset: at, data });
        }
        at = next;
    }
}

#[derive(Debug, Clone)]
pub(super) enum Node {
    Dir,
    File(Arc<Mutex<Inode>>),
}

type Names = BTreeMap<PathBuf, Node>;

#[derive(Debug, Clone)]
enum NameOp {
    Add(PathBuf, Node),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf, Node),
}

impl NameOp {
    fn touches(&self, dir: &Path) -> bool {
        match self {
            NameOp::Add(path, _) | NameOp::Remove(path) => parent(path) == dir,
            NameOp::Rename(from, to, _) => parent(from) == dir || parent(to) == dir,
        }
    }

    fn apply(&self, names: &mut Names) {
        match self {
            NameOp::Add(path, node) => {
                names.insert(path.clone(), node.clone());
            }
            NameOp::Remove(path) => {
                names.remove(path);
            }
            NameOp::Rename(from, to, node) => {
                names.remove(from);
                names.insert(to.clone(), node.clone());
            }
        }
    }
}

/// The folder of a path; that of a plain name is the empty path.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or_else(|| Path::new(""))
}

fn is_root(path: &Path) -> bool {
    path.parent().is_none() || path.as_os_str().is_empty()
}

/// Names and contents, live and durable.
#[derive(Debug, Default)]
pub(super) struct Disk {
    live: Names,
    durable: Names,
    pending: Vec<NameOp>,
}

impl Disk {
    fn run(&mut self, op: NameOp) {
        op.apply(&mut self.live);
        self.pending.push(op);
    }

    pub(super) fn get(&self, path: &Path) -> Option<&Node> {
        self.live.get(path)
    }

    pub(super) fn file(&self, path: &Path) -> io::Result<Arc<Mutex<Inode>>> {
        match self.live.get(path) {
            Some(Node::File(inode)) => Ok(Arc::clone(inode)),
            Some(Node::Dir) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn is_dir(&self, path: &Path) -> bool {
        is_root(path) || matches!(self.live.get(path), Some(Node::Dir))
    }

    /// Gives a node a new name in an existing folder.
    pub(super) fn add(&mut self, path: &Path, node: Node) -> io::Result<()> {
        if self.live.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if !self.is_dir(parent(path)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.run(NameOp::Add(path.to_owned(), node));
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let node = match self.live.get(from) {
            Some(Node::File(inode)) => Node::File(Arc::clone(inode)),
            Some(Node::Dir) => return Err(io::ErrorKind::Unsupported.into()),
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        if self.is_dir(to) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if !self.is_dir(parent(to)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if from != to {
            self.run(NameOp::Rename(from.to_owned(), to.to_owned(), node));
        }
        Ok(())
    }

    pub(super) fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        self.file(path)?;
        self.run(NameOp::Remove(path.to_owned()));
        Ok(())
    }

    pub(super) fn remove_dir(&mut self, path: &Path) -> io::Result<()> {
        match self.live.get(path) {
            Some(Node::Dir) => {}
            Some(Node::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
            None => return Err(io::ErrorKind::NotFound.into()),
        }
        if !self.is_empty_dir(path) {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        self.run(NameOp::Remove(path.to_owned()));
        Ok(())
    }

    pub(super) fn create_dir_all(&mut self, path: &Path) -> io::Result<()> {
        let mut missing = Vec::new();
        for dir in path.ancestors() {
            match self.live.get(dir) {
                _ if is_root(dir) => break,
                Some(Node::Dir) => break,
                Some(Node::File(_)) => return Err(io::ErrorKind::AlreadyExists.into()),
                None => missing.push(dir.to_owned()),
            }
        }
        for dir in missing.into_iter().rev() {
            self.run(NameOp::Add(dir, Node::Dir));
        }
        Ok(())
    }

    pub(super) fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        if !self.is_dir(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let durable = &mut self.durable;
        self.pending.retain(|op| {
            let synced = op.touches(dir);
            if synced {
                op.apply(durable);
            }
            !synced
        });
        Ok(())
    }

    /// A folder sync that failed: some of the names are durable, the others never will be by a later sync.
    pub(super) fn fail_sync_dir(&mut self, dir: &Path, dice: &mut Dice) {
        let durable = &mut self.durable;
        self.pending.retain(|op| {
            let lost = op.touches(dir);
            if lost && dice.percent(50) {
                op.apply(durable);
            }
            !lost
        });
    }

    fn is_empty_dir(&self, dir: &Path) -> bool {
        let next = self
            .live
            .range::<Path, _>((Bound::Excluded(dir), Bound::Unbounded))
            .next();
        next.is_none_or(|(path, _)| !path.starts_with(dir))
    }

    pub(super) fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        if !self.is_dir(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut entries = Vec::new();
        let mut from = Bound::Excluded(dir.to_owned());
        while let Some((path, node)) = self.live.range((from.clone(), Bound::Unbounded)).next() {
            let Some(name) = path.strip_prefix(dir).ok().and_then(|rest| rest.iter().next()) else {
                break;
            };
            let is_dir = matches!(node, Node::Dir);
            entries.push(Entry {
                name: name.to_string_lossy().into_owned(),
                is_dir,
                len: match node {
                    Node::Dir => 0,
                    Node::File(inode) => inode.lock().live.len() as u64,
                },
            });
            // The next name that is not below this one: no name sorts between a name and the same with a zero byte.
            let mut next = name.to_owned();
            next.push("\0");
            from = Bound::Included(dir.join(next));
        }
        Ok(entries)
    }

    pub(super) fn files(&self) -> Vec<PathBuf> {
        self.live
            .iter()
            .filter(|(_, node)| matches!(node, Node::File(_)))
            .map(|(path, _)| path.clone())
            .collect()
    }

    /// Bytes of all files that have a live name, each content once.
    pub(super) fn used_bytes(&self) -> u64 {
        let mut seen = HashMap::new();
        for node in self.live.values() {
            if let Node::File(inode) = node {
                seen.insert(Arc::as_ptr(inode), inode.lock().live.len() as u64);
            }
        }
        seen.values().sum()
    }

    /// The disk after the power failed now.
    pub(super) fn survivor(&self, policy: &CrashPolicy) -> Disk {
        let mut dice = Dice(policy.seed);
        let mut names = self.durable.clone();
        for op in &self.pending {
            if dice.percent(policy.keep_names_percent) {
                op.apply(&mut names);
            }
        }
        let mut copies: HashMap<*const Mutex<Inode>, Node> = HashMap::new();
        let mut survived = Names::new();
        for (path, node) in names {
            let dir = parent(&path);
            if !is_root(dir) && !matches!(survived.get(dir), Some(Node::Dir)) {
                continue;
            }
            let copy = match &node {
                Node::Dir => Node::Dir,
                Node::File(inode) => copies
                    .entry(Arc::as_ptr(inode))
                    .or_insert_with(|| {
                        let survivor = inode.lock().survivor(policy, &mut dice);
                        Node::File(Arc::new(Mutex::new(survivor)))
                    })
                    .clone(),
            };
            survived.insert(path, copy);
        }
        Disk {
            durable: survived.clone(),
            live: survived,
            pending: Vec::new(),
        }
    }
}
