//! The command line as its users meet it: the built program, its streams and its exit status.

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// A quick scenario: two nodes, one small file.
const GOOD: &str = "[scenario]\nname = \"small\"\nseed = 7\n[workload.replicate]\ninput = \"data\"\n";

/// A folder with `good.toml` and its input, in which the program runs.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(&folder, "good.toml", GOOD);
    fs::write(folder.path().join("data"), [0x5a; 10_000]).expect("the folder is writable");
    folder
}

fn write(folder: &TempDir, name: &str, text: &str) {
    fs::write(folder.path().join(name), text).expect("the folder is writable");
}

fn rnic(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rnic"));
    command.args(arguments).current_dir(folder).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// Status 2, nothing on standard output, no panic, and one error message, which is returned.
fn refused(folder: &TempDir, arguments: &[&str]) -> String {
    let output = rnic(folder.path(), arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
    assert_eq!(text(&output.stdout), "", "{arguments:?}");
    assert_eq!(message.matches("error:").count(), 1, "{arguments:?}: {message}");
    assert!(!message.contains("panicked"), "{message}");
    message.to_owned()
}

/// The object that `--json` prints.
fn json(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let stdout = text(&output.stdout);
    let mut objects = serde_json::Deserializer::from_str(stdout).into_iter::<Value>();
    let object = objects.next().expect("an object").expect("JSON");
    assert!(objects.next().is_none(), "one object and nothing else: {stdout}");
    object
}

#[test]
fn every_bad_file_is_refused_with_one_message() {
    let folder = folder();
    for (line, parts) in [
        ("[cluster]\nmtu_bytes = 300", ["bad.toml:7:13", "`mtu_bytes` is 300", "256, 512, 1024, 2048, 4096"]),
        ("[cluster]\nmtu = 256", ["bad.toml:7:1", "unknown key `mtu`", "mtu_bytes"]),
        ("[cluster]\nnodes = 0", ["bad.toml:7:9", "no nodes", "2 to 64"]),
        ("[cluster]\nnodes = 3\ntopology = \"back-to-back\"", ["bad.toml:7:9", "3 nodes", "exactly 2"]),
        ("[cluster]\ntopology = \"moebius\"", ["bad.toml:7:12", "`moebius`", "star, back-to-back"]),
        ("[[fault.create]]\nkind = \"qp\"\neffect = \"fail\"\nstatus = \"BAD\"", ["bad.toml:9:10", "`BAD`", "STATUS_"]),
        ("[cluster", ["bad.toml:6:9", "not TOML", "brackets"]),
    ] {
        write(&folder, "bad.toml", &format!("{GOOD}{line}\n"));
        for command in ["run", "check", "show"] {
            let message = refused(&folder, &[command, "bad.toml"]);
            for part in parts {
                assert!(message.contains(part), "{command}: no {part:?} in\n{message}");
            }
        }
    }
    assert!(!folder.path().join("runs").exists(), "a refused scenario leaves nothing behind");
}

#[test]
fn missing_files_are_named() {
    let folder = folder();
    assert!(refused(&folder, &["run", "absent.toml"]).contains("absent.toml"));
    assert!(refused(&folder, &["run", "good.toml", "--input", "absent"]).contains("the input absent cannot be read"));
    write(&folder, "lost.toml", &GOOD.replace("\"data\"", "\"lost\""));
    let message = refused(&folder, &["check", "lost.toml"]);
    assert!(message.contains("lost.toml:5:9") && message.contains("input = \"lost\""), "{message}");
    write(&folder, "none.toml", "[scenario]\nname = \"none\"\n");
    assert!(refused(&folder, &["run", "none.toml"]).contains("--input FILE"));
    write(&folder, "empty", "");
    assert!(refused(&folder, &["run", "good.toml", "--input", "empty"]).contains("has 0 bytes"));
    // A file without an end is not read to its end.
    for arguments in [&["check", "/dev/zero"][..], &["run", "good.toml", "--input", "/dev/zero"]] {
        assert!(refused(&folder, arguments).contains("more than 67108864 bytes"), "{arguments:?}");
    }
    assert!(refused(&folder, &["list", "nowhere"]).contains("nowhere cannot be read"));
}

/// The scenario of a study with these tables.
fn study(tables: &str) -> String {
    format!("[scenario]\nname = \"study\"\n[workload.flows]\n{tables}")
}

/// What keeps a study from running is told before it runs, by `check` as by `run`.
#[test]
fn the_files_of_a_study_are_checked_without_running() {
    let folder = folder();
    write(&folder, "flows", "2\n0 1 3 100 1000 2.0\n1 0 3 100 -5 2.0\n");
    write(&folder, "flows.toml", &study("[workload.flows.pattern.file]\npath = \"flows\"\n"));
    let rails = "[cluster.topology.rail-optimised]\nunits = 1\nhosts_per_unit = 2\nrails = 2\nspines = 0\n";
    let all = "[workload.flows.pattern.all-to-all]\nbytes = 5\n";
    write(&folder, "rails.toml", &study(&format!("{all}{rails}")));
    write(&folder, "flat", "3 1 2\n2\n0 2 1Gbps 0ns 0\n1 2 1Gbps 1ns 0\n");
    write(&folder, "zero.toml", &study(&format!("{all}[cluster.topology.file]\npath = \"flat\"\n")));
    let star = "[cluster]\nnodes = 600\n[fabric]\nbuffer_bytes = ";
    write(&folder, "star.toml", &study(&format!("{all}{star}32000000")));
    let ring = all.replace("all-to-all", "ring-all-reduce");
    let wide = star.replace("600", "1200");
    write(&folder, "ring.toml", &study(&format!("{ring}{wide}800000000")));
    let bare = "[cluster.topology.leaf-spine]\nleaves = 2\nspines = 0\nnodes_per_leaf = 2\n";
    write(&folder, "bare.toml", &study(&format!("{all}{bare}")));
    for (file, parts) in [
        ("flows.toml", ["flows:3:11", "flow 2: the size in bytes cannot be `-5`", "allowed: 1 to 1099511627776"]),
        ("rails.toml", ["rails.toml:4:17", "no way leads from node 0 to node 1", "connect their switches"]),
        ("zero.toml", ["flat:3:11", "a link's delay cannot be `0ns`", "allowed: 1ps to 1s"]),
        ("star.toml", ["star.toml:9:16", "nothing to share: 600 ports keep", "write buffer_bytes = "]),
        ("ring.toml", ["ring.toml:4:17", "2877600 flows between 1200 nodes, the limit is 2097152", "fewer nodes"]),
        ("bare.toml", ["bare.toml:6:19", "spines is 0, not in 1..=65535", "other numbers"]),
    ] {
        for command in ["check", "run"] {
            let message = refused(&folder, &[command, file]);
            for part in parts {
                assert!(message.contains(part), "{command} {file}: no {part:?} in\n{message}");
            }
        }
    }
    write(&folder, "flows", "1\n0 1 3 100 1000 2.0\n");
    assert_eq!(rnic(folder.path(), &["check", "flows.toml"]).status.code(), Some(0));
}

/// Warnings are told by `check` and `run`, and change nothing.
#[test]
fn warnings_have_a_place_and_do_not_fail() {
    let folder = folder();
    let dragonfly = "[cluster.topology.dragonfly]\nrouters = 2\nnodes_per_router = 1\nglobals = 1\n";
    let tables = "[workload.flows.pattern.all-to-all]\nbytes = 5\n[fabric]\nheadroom_bytes = 1000\n";
    write(&folder, "rings.toml", &study(&format!("{tables}{dragonfly}")));
    for arguments in [&["check", "rings.toml"][..], &["run", "rings.toml", "--json"]] {
        let output = rnic(folder.path(), arguments);
        let err = text(&output.stderr);
        assert_eq!((output.status.code(), err.matches("warning: ").count()), (Some(0), 2), "{err}");
        for part in ["rings.toml:7:18", "write headroom_bytes = ", "rings.toml:8:19", "add [fabric.pfc_watchdog]"] {
            assert!(err.contains(part), "{arguments:?}: no {part:?} in\n{err}");
        }
        if arguments[0] == "run" {
            let paths = ["fabric.headroom_bytes", "cluster.topology.dragonfly"];
            assert_eq!(json(&output)["warnings"].as_array().map(Vec::len), Some(paths.len()));
            (0..2).for_each(|number| assert_eq!(json(&output)["warnings"][number]["path"], paths[number]));
        }
    }
    let output = rnic(folder.path(), &["run", "good.toml", "--json"]);
    assert_eq!(json(&output).get("warnings"), None);
}

/// Files that are no text, no plan, cut off or damaged: what is wrong, where, and what to do.
#[test]
fn other_files_are_refused_with_a_place_and_a_remedy() {
    let folder = folder();
    fs::write(folder.path().join("latin.toml"), b"[scenario]\nname = \"caf\xe9\"\n").expect("the folder is writable");
    fs::write(folder.path().join("latin-plan.toml"), b"# caf\xe9\n").expect("the folder is writable");
    write(&folder, "empty.toml", "");
    write(&folder, "odd.toml", "[[fault.create]]\nkind = \"qp\"\neffect = \"fial\"\n");
    write(&folder, "elsewhere.toml", "[[fault.wire]]\nlink = \"node9->switch\"\neffect = \"drop\"\nnth = 2\n");
    write(&folder, "list.toml", "[[wire]]\nnth = 2\n");
    write(&folder, "twice.toml", &"[[fault.host]]\nid = \"a\"\neffect = \"no-memory\"\n".repeat(2));
    fs::create_dir(folder.path().join("kept")).expect("the folder is writable");
    for name in ["kept/snapshot.json", "kept/journal.json", "half.json"] {
        write(&folder, name, "{ \"format\": 1, ");
    }
    let plan = |file| ["run", "good.toml", "--plan", file];
    for (arguments, parts) in [
        (&["check", "latin.toml"][..], ["latin.toml:2:12", "not UTF-8", "save it as UTF-8"]),
        (&["check", "empty.toml"], ["empty.toml:1:1", "[scenario] is missing", "begin with [scenario]"]),
        (&plan("latin-plan.toml"), ["latin-plan.toml:1:6", "not UTF-8", "save it as UTF-8"]),
        (&plan("odd.toml"), ["odd.toml:3:10", "`fial` is not known", "allowed: fail, inline, pend"]),
        (&plan("elsewhere.toml"), ["elsewhere.toml:2:8", "no link \"node9->switch\"", "links of this cluster"]),
        (&plan("list.toml"), ["list.toml:1:3", "unknown key `wire`", "keys here: fault"]),
        (&plan("twice.toml"), ["twice.toml:5:6", "two rows are called \"a\"", "a name of its own"]),
        (&plan("absent.toml"), ["absent.toml", "cannot be read", "name a plan.toml"]),
        (&["restore", "kept"], ["snapshot.json", "is no snapshot", "rnic snapshot"]),
        (&["restore", "nowhere"], ["snapshot.json", "cannot be read", "name a file or folder"]),
        (&["compare", "kept", "kept"], ["journal.json", "is no journal", "--journal"]),
        (&["merge", "half.json"], ["half.json", "not the result of a sweep", "rnic sweep"]),
        (&["replay", "nowhere"], ["nowhere", "cannot be read", "a run folder"]),
    ] {
        let message = refused(&folder, arguments);
        for part in parts {
            assert!(message.contains(part), "{arguments:?}: no {part:?} in\n{message}");
        }
    }
}

#[test]
fn wrong_usage_is_refused() {
    let folder = folder();
    for arguments in [
        &["run"][..],
        &["fly"],
        &["run", "good.toml", "--seed", "-1"],
        &["run", "good.toml", "--seed", "9223372036854775808"],
        &["run", "good.toml", "--json", "--quiet"],
        &["run", "good.toml", "--capture", "node9-switch"],
    ] {
        refused(&folder, arguments);
    }
}

#[test]
fn json_is_one_object_with_the_promised_keys() {
    let folder = folder();
    let object = json(&rnic(folder.path(), &["run", "good.toml", "--json"]));
    for key in ["seed", "trace_hash", "simulated_ps", "wall_s", "events", "findings", "nodes", "links"] {
        assert!(object.get(key).is_some(), "no {key}");
    }
    assert_eq!(object["seed"], 7);
    assert_eq!(object["trace_hash"].as_str().map(str::len), Some(16));
    assert_eq!(object["nodes"].as_array().map(Vec::len), Some(2));
    for counter in nic_model::regs::counters::Counters::TABLE {
        assert!(object["nodes"][1]["counters"][counter.name].is_u64(), "no counter {}", counter.name);
    }
    assert_eq!(object["run_folder"], "runs/small-7");
}

#[test]
fn quiet_is_one_line_and_the_summary_is_not() {
    let folder = folder();
    let quiet = rnic(folder.path(), &["run", "good.toml", "--quiet"]);
    assert_eq!(text(&quiet.stdout).lines().count(), 1);
    assert!(text(&quiet.stdout).starts_with("PASS small seed 7 hash "), "{}", text(&quiet.stdout));
    let full = rnic(folder.path(), &["run", "good.toml"]);
    let summary = text(&full.stdout);
    assert!(
        summary.contains("Replicas") && summary.contains("runs/small-7") && summary.ends_with("PASS\n"),
        "{summary}"
    );
    assert!(!summary.contains('\x1b'), "no colours in a pipe");
    assert_eq!(text(&full.stderr), "", "no progress in a pipe");
}

#[test]
fn the_run_folder_repeats_the_run() {
    let folder = folder();
    let first = json(&rnic(folder.path(), &["run", "good.toml", "--seed", "11", "--json", "--out", "kept"]));
    fs::remove_file(folder.path().join("data")).expect("it was written");
    let again = json(&rnic(folder.path(), &["run", "kept/scenario.toml", "--json"]));
    assert_eq!(again["seed"], 11);
    assert_eq!(first["trace_hash"], again["trace_hash"]);
    let kept = fs::read(folder.path().join("kept/summary.json")).expect("a summary");
    let kept: Value = serde_json::from_slice(&kept).expect("JSON");
    assert_eq!(kept, first, "the summary is what was printed");
}

#[test]
fn captures_are_written_and_old_ones_removed() {
    let folder = folder();
    let file = |name: &str| folder.path().join("runs/small-7/captures").join(name);
    let object = json(&rnic(folder.path(), &["run", "good.toml", "--json", "--capture", "all"]));
    assert_eq!(object["captures"].as_array().map(Vec::len), Some(2));
    assert!(file("node0-switch.pcapng").exists() && file("node1-switch.pcapng").exists());
    rnic(folder.path(), &["run", "good.toml", "--quiet", "--capture", "node1-switch"]);
    assert!(!file("node0-switch.pcapng").exists(), "of another run");
    // A section header block with its byte-order magic.
    let bytes = fs::read(file("node1-switch.pcapng")).expect("it was captured");
    assert_eq!(bytes.get(..4), Some(&[0x0a, 0x0d, 0x0d, 0x0a][..]));
}

#[test]
fn a_failure_ends_with_the_command_that_repeats_it() {
    let folder = folder();
    write(&folder, "strict.toml", &format!("{GOOD}[expect]\nsimulated_us_max = 0\n"));
    let output = rnic(folder.path(), &["run", "strict.toml", "--json", "--seed", "5"]);
    assert_eq!(output.status.code(), Some(1));
    let last = text(&output.stderr).lines().last().expect("a line").to_owned();
    assert!(last.ends_with(" run strict.toml --seed 5"), "{last}");
}

#[test]
fn show_writes_defaults_out_and_is_a_scenario_again() {
    let folder = folder();
    let shown = rnic(folder.path(), &["show", "good.toml"]);
    assert!(text(&shown.stdout).contains("mtu_bytes = 4096"));
    write(&folder, "shown.toml", text(&shown.stdout));
    assert_eq!(rnic(folder.path(), &["show", "shown.toml"]).stdout, shown.stdout);
}

#[test]
fn the_library_is_listed_and_good() {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("library");
    let listed = rnic(Path::new(env!("CARGO_MANIFEST_DIR")), &["list", "library"]);
    assert_eq!(listed.status.code(), Some(0), "{}", text(&listed.stderr));
    for entry in fs::read_dir(library).expect("the library") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let file = path.to_string_lossy();
            let name = path.file_name().expect("a file").to_string_lossy();
            assert!(text(&listed.stdout).contains(&*name), "{name} is not listed");
            let checked = rnic(Path::new("."), &["check", &file]);
            assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));
        }
    }
}
