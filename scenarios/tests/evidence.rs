//! Runs that are written down: replayed, verified, explained, snapshotted, and shown in a browser.

use scenarios::record::why::resent;
use scenarios::record::{Kind, Recording, Watch, Window, requests, slow};
use scenarios::report::RunReport;
use scenarios::{RunOptions, Scenario};
use serde_json::Value;
use std::fs;
use std::process::{Command, Output};
use tempfile::TempDir;

const SMALL: &str = "[scenario]\nname = \"small\"\n[workload.replicate]\ninput = \"data\"\n\
    [[fault.wire]]\nlink = \"node0->switch\"\neffect = \"drop\"\nnth = 40\n";

fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("small.toml"), SMALL).expect("the folder is writable");
    fs::write(folder.path().join("data"), [0x5a; 200_000]).expect("the folder is writable");
    folder
}

fn rnic(folder: &TempDir, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rnic"));
    command.args(arguments).current_dir(folder.path()).output().expect("the program starts")
}

/// Standard output of a command that ends with `status`.
fn out(folder: &TempDir, arguments: &[&str], status: i32) -> String {
    let output = rnic(folder, arguments);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {err}");
    if status != 0 {
        assert!(err.lines().last().is_some_and(|line| line.contains(arguments[0])), "no command at the end of {err}");
    }
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_recorded_run_is_the_same_run_and_fills_its_folder() {
    let folder = folder();
    out(&folder, &["run", "small.toml", "--quiet", "--out", "plain"], 0);
    out(&folder, &["run", "small.toml", "--quiet", "--out", "kept", "--record"], 0);
    let hash = |place: &str| {
        let text = fs::read(folder.path().join(place).join("summary.json")).expect("a summary");
        serde_json::from_slice::<Value>(&text).expect("JSON")["trace_hash"].clone()
    };
    assert_eq!(hash("plain"), hash("kept"));
    let text = fs::read(folder.path().join("kept/timeline.json")).expect("a timeline");
    let timeline: Value = serde_json::from_slice(&text).expect("JSON");
    let events = timeline["traceEvents"].as_array().expect("a list");
    for phase in ["M", "i", "b", "e", "C"] {
        assert!(events.iter().any(|event| event["ph"] == phase), "no event of phase {phase}");
    }
    let file = fs::read(folder.path().join("kept/recording.bin")).expect("a recording");
    let recording = scenarios::record::format::decode(&file).expect("a recording");
    assert!(recording.records.len() > 1_000 && recording.left_out == 0);
    assert!(recording.records.iter().all(|record| record.cause.is_none_or(|cause| cause < record.number)));
}

#[test]
fn a_folder_is_replayed_and_a_changed_one_is_noticed() {
    let folder = folder();
    out(&folder, &["run", "small.toml", "--quiet", "--out", "kept"], 0);
    assert!(out(&folder, &["replay", "kept"], 0).contains("as in the folder"));
    let path = folder.path().join("kept/input");
    fs::write(&path, [0x5a; 199_999]).expect("the folder is writable");
    assert!(out(&folder, &["replay", "kept"], 4).contains("in the folder"));
}

#[test]
fn a_run_is_the_same_every_time_and_a_planted_flaw_is_located() {
    let folder = folder();
    let same = out(&folder, &["verify", "small.toml", "--threads", "1,2"], 0);
    assert!(same.contains("4 runs, each with trace hash") && same.ends_with("PASS\n"), "{same}");
    let flawed = out(&folder, &["verify", "small.toml", "--threads", "1", "--plant-flaw", "300us"], 4);
    for part in ["node1 differs first, in block", "One run", "The other run", "=>", "FAIL"] {
        assert!(flawed.contains(part), "no {part:?} in\n{flawed}");
    }
}

#[test]
fn a_slow_request_is_explained_by_the_frame_that_was_lost() {
    let folder = folder();
    out(&folder, &["run", "small.toml", "--quiet", "--out", "kept"], 0);
    let text = fs::read(folder.path().join("kept/summary.json")).expect("a summary");
    let summary: Value = serde_json::from_slice(&text).expect("JSON");
    let lost_ns = summary["faults"][0]["first_ps"].as_u64().expect("the row fired") / 1_000 + 100;
    let text = out(&folder, &["explain", "kept", "--at", &format!("{lost_ns}ns"), "--node", "0"], 0);
    for part in ["Around", "node0: ", "The longest of the", "Meanwhile", "frame lost", "Faults that struck"] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    for (arguments, part) in [(&["--at", "soon"][..], "812.5us"), (&["--at", "1us", "--node", "7"], "no such node")] {
        let output = rnic(&folder, &[&["explain", "kept"], arguments].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains(part), "{arguments:?}");
    }
}

#[test]
fn a_snapshot_is_restored_and_branched() {
    let folder = folder();
    let at = "4ms";
    out(&folder, &["snapshot", "small.toml", "--at", at, "--out", "kept"], 0);
    let same = out(&folder, &["restore", "kept"], 0);
    assert!(same.contains("as in the snapshot") && same.contains("as without the interruption"), "{same}");
    let row = |nth| {
        format!(
            "[[fault.wire]]\nlink = \"node0->switch\"\neffect = \"drop\"\nnth = 40\n[[fault.wire]]\nlink = \"node1->switch\"\neffect = \"drop\"\nnth = {nth}\n"
        )
    };
    // The second frame of node 1 is one of those that set connections up; its 60th carries data.
    fs::write(folder.path().join("early.toml"), row(2)).expect("the folder is writable");
    fs::write(folder.path().join("late.toml"), row(60)).expect("the folder is writable");
    let branched = out(&folder, &["restore", "kept", "--plan", "late.toml"], 0);
    assert!(branched.contains("as in the snapshot") && branched.contains("another than before"), "{branched}");
    let early = out(&folder, &["restore", "kept", "--plan", "early.toml"], 2);
    assert!(early.contains("the plan changes what happens before the moment"), "{early}");
}

#[test]
fn a_recorded_moment_is_explained_from_the_folder_with_its_cause() {
    let folder = folder();
    out(&folder, &["run", "small.toml", "--quiet", "--out", "kept", "--record"], 0);
    let file = fs::read(folder.path().join("kept/recording.bin")).expect("a recording");
    let recording = scenarios::record::format::decode(&file).expect("a recording");
    // The request whose packet was lost, and came later.
    let (request, lost) = requests(&recording)
        .into_iter()
        .find_map(|request| {
            let slow = slow(&recording, request.posted_ps, Some(request.place), Some(request.number))?;
            resent(&recording, &slow).first().map(|resent| (request, resent.lost.number))
        })
        .expect("the row strikes a request");
    let (at, number) = (format!("{}ps", request.posted_ps), request.number.to_string());
    let node = request.place.to_string();
    let told = out(&folder, &["explain", "kept", "--at", &at, "--node", &node, "--request", &number], 0);
    assert!(told.contains("read from recording.bin"), "{told}");
    assert!(told.contains(&format!("record {lost} at ")) && told.contains(" had it "), "{told}");
    // Another seed is another run, which was not recorded.
    assert!(out(&folder, &["explain", "kept", "--at", &at, "--seed", "2"], 0).contains("run again"));
    fs::write(folder.path().join("kept/recording.bin"), &file[..file.len() / 2]).expect("the folder is writable");
    let damaged = rnic(&folder, &["explain", "kept", "--at", &at]);
    let err = String::from_utf8_lossy(&damaged.stderr).into_owned();
    assert!(
        damaged.status.code() == Some(2) && err.contains("damaged") && err.contains("replay kept --record"),
        "{err}"
    );
}

/// The recording of a run of a scenario, and its report; a run that is not recorded is the same.
fn recorded(scenario: &str) -> (Recording, RunReport) {
    let scenario = Scenario::parse("test.toml", scenario).expect("a scenario");
    let watch = Watch { record: Some(Window::ALL), ..Watch::default() };
    let mut report = scenarios::run(&scenario, &RunOptions { watch, ..RunOptions::default() }).expect("it runs");
    let plain = scenarios::run(&scenario, &RunOptions::default()).expect("it runs");
    assert_eq!(report.trace_hash, plain.trace_hash);
    (report.evidence.recording.take().expect("it was recorded"), report)
}

#[test]
fn a_frame_lost_behind_the_switch_is_named_with_its_cable_and_row() {
    let folder = folder();
    let row =
        "[[fault.wire]]\nid = \"far-side\"\nlink = \"switch->node1\"\neffect = \"drop\"\npacket = \"write\"\nnth = 5\n";
    let far = format!("[scenario]\nname = \"far\"\n[workload.file-transfer]\nfile_bytes = 65536\n{row}");
    fs::write(folder.path().join("far.toml"), &far).expect("the folder is writable");
    let (recording, report) = recorded(&far);
    let lost: Vec<_> = recording.records.iter().filter(|record| matches!(record.kind, Kind::Lost { .. })).collect();
    let [lost] = lost[..] else { panic!("one is lost: {lost:?}") };
    assert_eq!(Some(lost.time_ps), report.faults[0].first_ps);
    out(&folder, &["run", "far.toml", "--quiet", "--out", "kept", "--record"], 0);
    let told = out(&folder, &["explain", "kept", "--at", &format!("{}ps", lost.time_ps)], 0);
    let blamed = told.lines().find(|line| line.starts_with(&format!("  record {} at ", lost.number)));
    let blamed = blamed.unwrap_or_else(|| panic!("record {} is not blamed in\n{told}", lost.number));
    for part in ["switch0: frame lost at port 1 -> node1 (row far-side): Rc Write", "; node1 had it "] {
        assert!(blamed.contains(part), "no {part:?} in {blamed}");
    }
}

#[test]
fn frames_that_a_switch_has_no_room_for_are_named() {
    let (recording, report) = recorded(
        "[scenario]\nname = \"full\"\n[cluster]\nnodes = 5\n[fabric]\nbuffer_bytes = 180000\npfc = []\n\
         [workload.file-transfer]\nfile_bytes = 262144\ntogether = true\n",
    );
    let dropped: u64 = report.links.iter().flat_map(|link| &link.drops).map(|(_, frames)| frames).sum();
    let lost = recording.records.iter().filter_map(|record| match &record.kind {
        Kind::Lost { at, why, ends, .. } => Some((recording.place(record.place), at, why, ends)),
        _ => None,
    });
    let lost: Vec<_> = lost.collect();
    assert!(dropped > 0 && lost.len() as u64 == dropped, "{dropped} dropped, {} recorded", lost.len());
    for (place, at, why, ends) in lost {
        let [_, to] = ends.expect("all are RoCE packets");
        let expected = ("switch0", format!("port {to} -> node{to}"), "the switch's buffer is full");
        assert_eq!((place, at.clone(), why.as_str()), expected);
    }
}

#[test]
fn a_summary_says_what_made_it_and_how_it_ended() {
    let folder = folder();
    out(&folder, &["run", "small.toml", "--quiet", "--out", "kept"], 0);
    let text = fs::read(folder.path().join("kept/summary.json")).expect("a summary");
    let summary: Value = serde_json::from_slice(&text).expect("JSON");
    let versions = &summary["versions"];
    assert!(versions["rustc"].as_str().is_some_and(|version| version.starts_with("rustc ")), "{versions}");
    assert_eq!(versions["recording"], scenarios::record::format::VERSION);
    assert_eq!((&summary["seed"], &summary["exit_status"]), (&Value::from(1), &Value::from(0)));
    assert_eq!(summary["plan"]["fault"]["wire"][0]["id"], "wire-1");
}

#[test]
fn several_files_are_verified_and_one_that_differs_is_enough() {
    let folder = folder();
    let told = out(&folder, &["verify", "small.toml", "small.toml", "--threads", "1,2"], 0);
    assert_eq!(told.matches("PASS").count(), 2, "{told}");
    out(&folder, &["verify", "small.toml", "small.toml", "--threads", "1", "--plant-flaw", "100us"], 4);
}

/// The page as a browser sees it; counted as skipped where there is none.
#[test]
fn the_page_opens_in_a_browser_without_complaints() {
    let folder = folder();
    out(&folder, &["run", "small.toml", "--quiet", "--out", "kept", "--record"], 0);
    let page = folder.path().join("kept/report.html");
    let text = fs::read_to_string(&page).expect("a page");
    assert!(!text.contains("http://") && !text.contains("https://") && !text.contains(" src="), "it loads something");
    let browser = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success()));
    let Some(browser) = browser else {
        let _ = std::io::Write::write_all(&mut std::io::stderr(), b"skipped (1): there is no headless Chromium\n");
        return;
    };
    let data = format!("--user-data-dir={}", folder.path().join("profile").display());
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom", &data])
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("the browser starts");
    let (dom, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!log.contains("CONSOLE"), "the console says: {log}");
    // The script has run to its end, and found the plots.
    let plots = text.matches("<svg class=plot").count();
    assert!(plots >= 4 && dom.contains(&format!("data-plots=\"{plots}\"")), "{plots} plots");
}
