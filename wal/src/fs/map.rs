//! The only memory map, and the only `unsafe`, of the workspace: replay shares record bodies with the mapped segment, so that
//! a recovered head costs no copy.

use std::fs::File;
use std::io;

use bytes::Bytes;

/// Maps a whole file read-only. An empty file gives empty bytes (the system refuses an empty map).
#[expect(
    unsafe_code,
    reason = "a map of a file is unsafe by nature; the argument stands at the call"
)]
pub(super) fn map_file(file: &File) -> io::Result<Bytes> {
    if file.metadata()?.len() == 0 {
        return Ok(Bytes::new());
    }
    // SAFETY: a map is sound while nobody changes or cuts the file under it. Only segments of the log are mapped, at
    // recovery; recovery never appends to an old segment (a new one is started; the last group of the old one is written
    // again with the bytes it has), nothing cuts one, a removed one keeps its pages until the map goes, and the lock file keeps other processes of ours out. Another program that writes into the
    // data folder breaks the contract of the whole store. Unreadable sectors, which would kill the process through the map,
    // are found before by a plain read of the whole file.
    let map = unsafe { memmap2::Mmap::map(file)? };
    Ok(Bytes::from_owner(map))
}
