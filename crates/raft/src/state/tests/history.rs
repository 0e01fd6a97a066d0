use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Save(Vec<(u8, Option<usize>)>),
    Replace(Vec<(u8, usize)>),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let length = || prop_oneof![4 => 0..20_usize, 1 => 4000..4200_usize, 1 => 8000..20_000_usize];
    prop_oneof![
        6 => vec((0..12_u8, proptest::option::weighted(0.7, length())), 0..8).prop_map(Step::Save),
        1 => vec((0..12_u8, length()), 0..8).prop_map(Step::Replace),
        1 => Just(Step::Reopen),
    ]
}

fn key(key: u8) -> Bytes {
    Bytes::from(vec![key; usize::from(key)])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever happened before, the store has what a map has, and the hash is that of the same pairs put there at once.
    #[test]
    fn the_store_is_a_map_and_its_hash_knows_no_history(steps in vec(step(), 1..12)) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        let mut model = Pairs::new();
        let mut index = 0;
        for (seed, step) in steps.into_iter().enumerate() {
            match step {
                Step::Save(changes) => {
                    index += 1;
                    let changes: Vec<Change> = changes.into_iter().map(|(k, len)| (key(k), len.map(|len| value(len, seed)))).collect();
                    for (key, value) in changes.clone() {
                        match value {
                            Some(value) => model.insert(key, value),
                            None => model.remove(&key),
                        };
                    }
                    prop_assert_eq!(save(&store, GROUP, index, changes), hash_of(&model));
                }
                Step::Replace(pairs) => {
                    index += 1;
                    model = pairs.into_iter().map(|(k, len)| (key(k), value(len, seed))).collect();
                    prop_assert_eq!(replace(&store, GROUP, index, &model), hash_of(&model));
                }
                Step::Reopen => {
                    store.close();
                    store = open(dir.path());
                }
            }
        }
        if index > 0 {
            assert_stored(&store, GROUP, index, &model);
            let fresh = replace(&store, GROUP + 1, 1, &model);
            prop_assert_eq!(fresh, store.summary(GROUP).unwrap().1);
        }
    }
}
