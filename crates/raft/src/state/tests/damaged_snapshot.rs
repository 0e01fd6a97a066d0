use super::*;

/// A small snapshot, as bytes, beside a path where a damaged copy of it can be.
fn small(dir: &Path) -> (Vec<u8>, std::path::PathBuf) {
    let pairs = [("room".into(), "open".into()), ("".into(), "x".into()), ("empty".into(), Bytes::new())];
    let file = SnapshotFile::write(dir, GROUP, 5, note(5), pairs.into_iter()).unwrap();
    (file.chunk(0, usize::MAX).unwrap().to_vec(), dir.join("damaged"))
}

fn assert_refused(path: &Path, bytes: &[u8], what: &str) {
    std::fs::write(path, bytes).unwrap();
    let error = SnapshotFile::open(path).expect_err(what);
    assert!(matches!(error, StateError::Damaged { .. } | StateError::Format { .. }), "{what}: {error}");
}

#[test]
fn every_flipped_bit_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let (mut bytes, path) = small(dir.path());
    std::fs::write(&path, &bytes).unwrap();
    SnapshotFile::open(&path).unwrap();
    for place in 0..bytes.len() {
        for bit in 0..8 {
            bytes[place] ^= 1 << bit;
            assert_refused(&path, &bytes, &format!("bit {bit} of byte {place}"));
            bytes[place] ^= 1 << bit;
        }
    }
}

#[test]
fn every_length_but_its_own_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let (mut bytes, path) = small(dir.path());
    for length in 0..bytes.len() {
        assert_refused(&path, &bytes[..length], &format!("{length} bytes"));
    }
    bytes.push(0);
    assert_refused(&path, &bytes, "a byte more");
}

/// Blocks that are each whole, and not the ones that were written.
#[test]
fn blocks_that_are_left_out_or_swapped_are_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let pairs = some_pairs(3, 70_000);
    let file = SnapshotFile::write(dir.path(), GROUP, 5, note(5), pairs.into_iter()).unwrap();
    let bytes = file.chunk(0, usize::MAX).unwrap().to_vec();
    let block = 4 + 4 + 8 + 5 + 70_000;
    let head = bytes.len() - 3 * block - 4 - 8 - 32 - 32;
    let part = |number: usize| &bytes[head + number * block..head + (number + 1) * block];
    let with = |blocks: &[usize]| {
        let blocks: Vec<u8> = blocks.iter().flat_map(|number| part(*number)).copied().collect();
        [&bytes[..head], &blocks, &bytes[head + 3 * block..]].concat()
    };
    assert_eq!(with(&[0, 1, 2]), bytes);
    let path = dir.path().join("damaged");
    for blocks in [&[0, 1][..], &[0, 2, 1], &[0, 1, 2, 2], &[]] {
        assert_refused(&path, &with(blocks), &format!("{blocks:?}"));
    }
}
