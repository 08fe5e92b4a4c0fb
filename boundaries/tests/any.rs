//! Every boundary on arbitrary bytes, and on those that have failed once.

use boundaries::TARGETS;
use proptest::prelude::*;
use std::path::Path;

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, max_shrink_iters: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_survived(data in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..600),
        prop::collection::vec(0..16_u8, 0..600),
    ]) {
        for (name, body) in TARGETS {
            let survived = std::panic::catch_unwind(|| body(&data)).is_ok();
            prop_assert!(survived, "{name}: keep these bytes in boundaries/corpus/{name}/: {data:02x?}");
        }
    }
}

#[test]
fn the_corpus_is_survived() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut inputs = 0;
    for (name, body) in TARGETS {
        let folder = std::fs::read_dir(corpus.join(name)).unwrap_or_else(|error| panic!("corpus/{name}: {error}"));
        for entry in folder {
            let path = entry.expect("an entry").path();
            body(&std::fs::read(&path).expect("a file"));
            inputs += 1;
        }
    }
    assert!(inputs >= TARGETS.len(), "every boundary has an input");
}
